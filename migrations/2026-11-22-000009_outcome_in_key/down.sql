alter table attempt drop constraint attempt_pkey;
alter table attempt add primary key (account_id, subscription_id, event_id, n);
