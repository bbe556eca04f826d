-- Deliveries in the order of the event log, newest first. An event that has none left is returned
-- as one for nobody, so that the number of rows bounds the work.
select e.id as event_id,
    coalesce(t.id, '00000000-0000-0000-0000-000000000000'::uuid) as subscription_id,
    t.id is not null as fits
from (
    select id, targets from event
    where account_id = $1 and id >= $2 and id <= $3
    order by id desc
    limit $5
) e
left join lateral (
    select u.id from unnest(e.targets) as u (id) where (e.id, u.id) < ($3, $4)
) t on true
order by e.id desc, t.id desc nulls last
limit $5
