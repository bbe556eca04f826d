drop index delivery_by_stage;
alter table delivery drop column stage;
drop index attempt_by_subscription_and_outcome;
drop index attempt_by_outcome;
create index attempt_not_sent on attempt (account_id, event_id) where outcome <> 'sent';
drop index event_by_type_to_nobody;
drop index event_by_type;
create index event_by_type on event (account_id, type, id);
