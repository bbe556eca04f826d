-- As ingest.sql, for a batch in which events carry idempotency keys or hops: an event whose key is
-- taken is not stored, nor are its rows. Keys are inserted in order, so that two daemons with
-- the same keys wait for each other instead of deadlocking. Answers the events whose keys were
-- new.
with live as materialized (
    select id from lane where id = {} and closed_at is null for key share
), fresh as materialized (
    select version from routing where version = {} for share
), gate as materialized (
    select (select count(*) from live) as live, (select count(*) from fresh) as fresh
), input as materialized (
    select * from unnest({}::uuid[], {}::uuid[], {}::text[], {}::text[], {}::bytea[], {}::text[],
            {}::text[], {}::bytea[], {}::text[])
        as i (account_id, id, type, targets, payload, warnings, key, body_hash, hops)
), taken as (
    insert into idempotency (account_id, key, body_hash, event_id)
    select i.account_id, i.key, i.body_hash, i.id
    from gate g, input i
    where g.live = 1 and g.fresh = 1 and i.key is not null
    order by i.account_id, i.key
    on conflict do nothing
    returning event_id
), stored as (
    insert into event (account_id, id, lane, type, targets, payload, warnings, hops)
    select i.account_id, i.id, {}, i.type, i.targets::uuid[], i.payload, i.warnings, i.hops
    from gate g, input i
    where g.live = 1 and g.fresh = 1
        and (i.key is null or i.id in (select event_id from taken))
), spilled as (
    insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
    select s.account_id, s.subscription_id, s.event_id,
        least(now(), to_timestamp(
            ('x' || left(replace(s.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)),
        0, 0, 0, 'first'
    from gate g, unnest({}::uuid[], {}::uuid[], {}::uuid[])
        as s (account_id, subscription_id, event_id)
    join input i on i.id = s.event_id
    where g.live = 1 and g.fresh = 1
        and (i.key is null or i.id in (select event_id from taken))
)
select live, fresh, array(select event_id from taken) as taken from gate
