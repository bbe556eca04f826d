-- Deliveries that leave memory before their first attempt is recorded: not yet begun (n = 0) or
-- running for long (n = 1, claimed until they must have ended). What has not begun is due since
-- the time in its id, so that what is held comes in the order of the events, however it came to
-- its row. What a script holds up is due when that script works again (see held.rs). Fenced by
-- the lane, as in record_first.sql.
with live as materialized (
    select id from lane where id = {} and closed_at is null for key share
), opened as (
    insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin,
        claim_lane, held_by)
    select i.account_id, i.subscription_id, i.event_id,
        case when i.held_by is not null then '9999-12-31'::timestamptz
            when i.n = 0 and i.due_in = 0 then least(now(), to_timestamp(
                ('x' || left(replace(i.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0))
            else now() + make_interval(secs => i.due_in) end,
        i.n, 0, 0, 'first', case when i.n > 0 then (select id from live) end,
        i.held_by
    from unnest({}::uuid[], {}::uuid[], {}::uuid[], {}::int4[], {}::float8[], {}::text[])
        as i (account_id, subscription_id, event_id, n, due_in, held_by)
    where exists (select from live)
        and not exists (
            select from attempt a
            where a.account_id = i.account_id and a.subscription_id = i.subscription_id
                and a.event_id = i.event_id
        )
    on conflict do nothing
)
select count(*) from live
