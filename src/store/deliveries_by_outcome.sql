-- Deliveries with an attempt of one outcome that is not `sent`, from attempt_by_outcome or from
-- attempt_by_subscription_and_outcome; with a type, each is looked up by its own probe, so that
-- the first ones that fit end the look.
select k.event_id, k.subscription_id, true as fits
from (
    select distinct a.event_id, a.subscription_id
    from attempt a
    where a.account_id = $1 and a.outcome = $6::attempt_outcome and a.outcome <> 'sent'
        and a.event_id >= $2 and a.event_id <= $3 and (a.event_id, a.subscription_id) < ($3, $4)
        and ($7::uuid is null or a.subscription_id = $7)
    order by a.event_id desc, a.subscription_id desc
    -- More than a window; it tells the planner to read the index from its end.
    limit 20000
) k
cross join lateral (
    select where $8::text is null
    union all
    (select from event e where e.account_id = $1 and e.type = $8 and e.id = k.event_id limit 1)
    limit 1
) fitting
order by k.event_id desc, k.subscription_id desc
limit $5
