-- As deliveries_by_event.sql, for one event type.
select e.id as event_id, t.id as subscription_id, true as fits
from event e cross join lateral unnest(e.targets) as t (id)
where e.account_id = $1 and e.type = $6 and e.id >= $2 and e.id <= $3 and (e.id, t.id) < ($3, $4)
order by e.id desc, t.id desc
limit $5
