-- Deliveries of one subscription that were sent, from the key of the attempt log, whose index
-- knows the outcome.
select k.event_id, $6 as subscription_id, true as fits
from (
    select distinct a.event_id
    from attempt a
    where a.account_id = $1 and a.subscription_id = $6 and a.outcome = 'sent' and a.event_id >= $2
        and a.event_id <= $3 and (a.event_id, a.subscription_id) < ($3, $4)
    order by a.event_id desc
    -- More than a window; it tells the planner to read the index from its end.
    limit 20000
) k
cross join lateral (
    select where $7::text is null
    union all
    (select from event e where e.account_id = $1 and e.type = $7 and e.id = k.event_id limit 1)
    limit 1
) fitting
order by k.event_id desc
limit $5
