-- As ingest.sql, for a batch in which events carry idempotency keys or hops: an event whose key is
-- taken is not stored, nor are its rows. Keys are inserted in order, so that two daemons with
-- the same keys wait for each other instead of deadlocking. Returns the events whose keys were
-- new, and the accounts that have no key left today: of these, events beyond are not stored. The
-- row that counts an account's keys is locked before they are inserted, so that the count is
-- exact whoever else stores keys of the account.
with live as materialized (
    select id from lane where id = {} and closed_at is null for key share
), fresh as materialized (
    select version from routing where version = {} for share
), gate as materialized (
    select (select count(*) from live) as live, (select count(*) from fresh) as fresh
), input as materialized (
    select i.*, row_number() over (partition by account_id, key is null order by id) as place
    from unnest({}::uuid[], {}::uuid[], {}::text[], {}::text[], {}::bytea[], {}::text[],
            {}::text[], {}::bytea[], {}::text[])
        as i (account_id, id, type, targets, payload, warnings, key, body_hash, hops)
), used as materialized (
    select c.account_id, c.keys
    from idempotency_count c
    where c.account_id in (select account_id from input where key is not null)
        and c.day = (now() at time zone 'utc')::date
        and (select live = 1 and fresh = 1 from gate)
    order by c.account_id
    for update
), room as materialized (
    select i.account_id, {} - coalesce(min(u.keys), 0) as keys
    from input i left join used u on u.account_id = i.account_id
    where i.key is not null
    group by i.account_id
), taken as (
    insert into idempotency (account_id, key, body_hash, event_id)
    select i.account_id, i.key, i.body_hash, i.id
    from gate g, input i join room r on r.account_id = i.account_id
    where g.live = 1 and g.fresh = 1 and i.key is not null and i.place <= r.keys
    order by i.account_id, i.key
    on conflict do nothing
    returning account_id, event_id
), counted as (
    insert into idempotency_count as c (account_id, day, keys)
    select account_id, (now() at time zone 'utc')::date, count(*)
    from taken group by account_id order by account_id
    on conflict (account_id, day) do update set keys = c.keys + excluded.keys
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
select live, fresh, array(select event_id from taken) as taken,
    array(select r.account_id from room r
        where exists (select from input i
            where i.account_id = r.account_id and i.key is not null and i.place > r.keys)) as full_up
from gate
