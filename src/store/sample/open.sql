-- Open deliveries by subscription and stage: how many, and the oldest event of each. The first
-- event of each stage is an index probe; the rows are counted on that index alone, and never those
-- of the logs.
with recursive first as (
    (select account_id, subscription_id, stage, event_id from delivery
    order by account_id, subscription_id, stage, event_id limit 1)
    union all
    select next.account_id, next.subscription_id, next.stage, next.event_id
    from first f cross join lateral (
        select account_id, subscription_id, stage, event_id from delivery
        where (account_id, subscription_id, stage) > (f.account_id, f.subscription_id, f.stage)
        order by account_id, subscription_id, stage, event_id limit 1
    ) next
), counted as (
    select account_id, subscription_id, stage, count(*) as number from delivery
    group by account_id, subscription_id, stage
)
select f.subscription_id, f.stage, c.number, f.event_id,
    coalesce(s.state = 'enabled', false) as enabled
from first f
join counted c on c.account_id = f.account_id and c.subscription_id = f.subscription_id
    and c.stage = f.stage
left join subscription s on s.id = f.subscription_id
order by f.subscription_id
