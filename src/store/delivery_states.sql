-- What decides the states of the given deliveries, and what a list shows of them, in their order.
select c.event_id, c.subscription_id, e.type as event_type, e.test, e.received_at,
    d.due_at, d.failures, d.held_by, s.state as subscription_state,
    a.attempts, a.ended, a.last_n, a.last_status, a.last_at
from unnest($2::uuid[], $3::uuid[]) with ordinality as c (event_id, subscription_id, place)
join event e on e.account_id = $1 and e.id = c.event_id
left join subscription s on s.id = c.subscription_id
left join delivery d
    on d.account_id = $1 and d.subscription_id = c.subscription_id and d.event_id = c.event_id
cross join lateral (
    select count(*) filter (where outcome <> 'cancelled') as attempts,
        (array_agg(outcome order by n desc)
            filter (where outcome in ('sent', 'failed', 'filtered', 'cancelled')))[1] as ended,
        max(n) filter (where outcome <> 'cancelled') as last_n,
        (array_agg(status order by n desc) filter (where outcome <> 'cancelled'))[1] as last_status,
        (array_agg(at order by n desc) filter (where outcome <> 'cancelled'))[1] as last_at
    from attempt
    where account_id = $1 and subscription_id = c.subscription_id and event_id = c.event_id
) a
order by c.place
