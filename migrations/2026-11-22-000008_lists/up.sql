-- Indexes that find the page of every list of deliveries without passing over what it does not
-- show. On the way of a delivery that is sent at once they cost nothing: each event stands in one
-- index by its type, as before, and a sent attempt in none but its key.

-- Events that go to somebody and those that go to nobody stand apart, so that the deliveries of a
-- type are found behind any number of events that have none.
drop index event_by_type;
create index event_by_type on event (account_id, type, id) where targets <> '{}';
create index event_by_type_to_nobody on event (account_id, type, id) where targets = '{}';

-- By outcome, so that a few failed ones are found behind any number of filtered ones; once over
-- all subscriptions and once within each.
drop index attempt_not_sent;
create index attempt_by_outcome on attempt (account_id, outcome, event_id, subscription_id)
    where outcome <> 'sent';
create index attempt_by_subscription_and_outcome
    on attempt (account_id, subscription_id, outcome, event_id) where outcome <> 'sent';

-- What an open delivery waits for, as far as its row knows: 0 its first attempt of the round,
-- 1 the next one, 2 and 3 the same by its mail's own schedule, 4 and 5 the script that holds it.
alter table delivery add column stage smallint not null generated always as (
    case when held_by is null then 0 when held_by = 'mail' then 2 else 4 end
    + case when failures > 0 then 1 else 0 end
) stored;
create index delivery_by_stage on delivery (account_id, subscription_id, stage, event_id);
