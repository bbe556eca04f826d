-- Deliveries from the side of the subscriptions: the newest of each that have an attempt or a
-- row, whatever number of events to nobody lies between them.
select k.event_id, k.id as subscription_id, true as fits
from (
    select a.event_id, s.id
    from subscription s cross join lateral (
        select distinct a.event_id
        from attempt a
        where a.account_id = $1 and a.subscription_id = s.id and a.event_id >= $2
            and a.event_id <= $3 and (a.event_id, a.subscription_id) < ($3, $4)
        order by a.event_id desc
        limit $5
    ) a
    where s.account_id = $1
    union
    select d.event_id, s.id
    from subscription s cross join lateral (
        select d.event_id
        from delivery d
        where $6 and d.account_id = $1 and d.subscription_id = s.id and d.event_id >= $2
            and d.event_id <= $3 and (d.event_id, d.subscription_id) < ($3, $4)
        order by d.event_id desc
        limit $5
    ) d
    where s.account_id = $1
) k
order by k.event_id desc, k.id desc
limit $5
