-- Claims due rows of one subscription, oldest due first, at most so many rows and bytes. A
-- claim raises n and holds the row until its attempt must have ended. Rows that another daemon
-- is claiming are passed over.
with picked as (
    select account_id, subscription_id, event_id
    from delivery
    where subscription_id = $1 and due_at <= now()
    order by due_at, event_id
    limit $2
    for update skip locked
), sized as (
    select p.*, e.type, e.received_at, e.payload, e.hops, e.test,
        sum(octet_length(e.payload)) over (order by e.id) - octet_length(e.payload) as before
    from picked p
    join event e on e.account_id = p.account_id and e.id = p.event_id
)
update delivery d set n = d.n + 1, due_at = now() + make_interval(secs => $3), claim_lane = $5
from sized s
where d.account_id = s.account_id and d.subscription_id = s.subscription_id
    and d.event_id = s.event_id and s.before < $4
returning d.account_id, d.event_id, d.n, d.failures, d.origin, s.type as event_type,
    s.received_at, s.payload, s.hops, s.test
