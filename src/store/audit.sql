-- Each target of each accepted event falls into the first class that fits: ended, open, in
-- flight, else lost. Rounds of origin `first` alone; tests are left out. One statement, so one
-- snapshot. Every class is counted by itself, none as a remainder.
with target as (
    select e.account_id, t.id as subscription_id, e.id as event_id, e.lane
    from event e cross join lateral unnest(e.targets) as t (id)
    where not e.test and ($1::uuid is null or e.account_id = $1)
), ended as (
    select account_id, subscription_id, event_id,
        bool_or(outcome = 'sent') as sent,
        bool_or(outcome = 'filtered') as filtered,
        bool_or(outcome = 'failed') as failed
    from attempt
    where origin = 'first' and outcome in ('sent', 'failed', 'filtered', 'cancelled')
    group by account_id, subscription_id, event_id
), class as (
    select
        case
            when e.event_id is not null then
                case when e.sent then 'sent' when e.filtered then 'filtered'
                    when e.failed then 'failed' else 'cancelled' end
            when d.event_id is not null then 'open'
            when l.id is not null then 'in_flight'
            else 'lost'
        end as class
    from target t
    left join ended e using (account_id, subscription_id, event_id)
    left join (select * from delivery where origin = 'first') d
        using (account_id, subscription_id, event_id)
    left join lane l on l.id = t.lane and l.closed_at is null and t.event_id >= l.low_water
), double as (
    select count(*) as rows
    from delivery d
    where ($1::uuid is null or d.account_id = $1) and exists (
        select from attempt a
        where a.account_id = d.account_id and a.subscription_id = d.subscription_id
            and a.event_id = d.event_id and a.n > d.base
            and a.outcome in ('sent', 'failed', 'filtered', 'cancelled')
    )
), retired_here as (
    select * from retired where $1::uuid is null or account_id = $1
)
select
    now() as as_of,
    (select count(*) from event where not test and ($1::uuid is null or account_id = $1)) as accepted,
    count(*) as targets,
    count(*) filter (where class = 'sent') as sent,
    count(*) filter (where class = 'failed') as failed,
    count(*) filter (where class = 'filtered') as filtered,
    count(*) filter (where class = 'cancelled') as cancelled,
    count(*) filter (where class = 'open') as open,
    count(*) filter (where class = 'in_flight') as in_flight,
    count(*) filter (where class = 'lost') as lost,
    (select rows from double) as double,
    coalesce((select sum(events) from retired_here), 0)::bigint as retired_events,
    coalesce((select sum(targets) from retired_here), 0)::bigint as retired_targets,
    coalesce((select sum(open_deliveries) from retired_here), 0)::bigint as retired_open
from class
