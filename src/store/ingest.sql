-- A batch of events, in one statement. It stores nothing unless the lane is live and the
-- routing version is the one that the targets were matched against. The lane's lock is the
-- weakest that its closing must wait for; the routing lock is the weakest that a change must
-- wait for. Rows of `delivery` are written here for targets that are not to be delivered from
-- memory, due since the time in their ids (see spill.sql). unnest's arrays are parallel.
with live as materialized (
    select id from lane where id = {} and closed_at is null for key share
), fresh as materialized (
    select version from routing where version = {} for share
), gate as materialized (
    select (select count(*) from live) as live, (select count(*) from fresh) as fresh
), stored as (
    insert into event (account_id, id, lane, type, targets, payload, warnings)
    select i.account_id, i.id, {}, i.type, i.targets::uuid[], i.payload, i.warnings
    from gate g, unnest({}::uuid[], {}::uuid[], {}::text[], {}::text[], {}::bytea[], {}::text[])
        as i (account_id, id, type, targets, payload, warnings)
    where g.live = 1 and g.fresh = 1
), spilled as (
    insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
    select i.account_id, i.subscription_id, i.event_id,
        least(now(), to_timestamp(
            ('x' || left(replace(i.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)),
        0, 0, 0, 'first'
    from gate g, unnest({}::uuid[], {}::uuid[], {}::uuid[])
        as i (account_id, subscription_id, event_id)
    where g.live = 1 and g.fresh = 1
)
select live, fresh from gate
