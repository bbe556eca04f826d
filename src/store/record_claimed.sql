-- Attempts at claimed rows, and first attempts whose lane is closed. An ending outcome deletes
-- the row of its round (base < n); another one moves the row only where n is its own, else a
-- later try decides and this one is recorded as superseded.
with input as materialized (
    select * from unnest({}::uuid[], {}::uuid[], {}::uuid[], {}::int4[], {}::int4[], {}::text[],
            {}::text[], {}::int2[], {}::text[], {}::int4[], {}::float8[])
        as i (account_id, subscription_id, event_id, n, duration_ms, outcome, origin, status,
            detail, failures, due_in)
), ended as (
    delete from delivery d using input i
    where d.account_id = i.account_id and d.subscription_id = i.subscription_id
        and d.event_id = i.event_id and i.due_in is null and d.base < i.n
), moved as (
    update delivery d set due_at = now() + make_interval(secs => i.due_in), failures = i.failures,
        claim_lane = null
    from input i
    where d.account_id = i.account_id and d.subscription_id = i.subscription_id
        and d.event_id = i.event_id and i.due_in is not null and d.n = i.n
    returning d.subscription_id, d.event_id
), kept as (
    insert into attempt (account_id, subscription_id, event_id, n, duration_ms, outcome, origin,
        status, detail, lane)
    select i.account_id, i.subscription_id, i.event_id, i.n, i.duration_ms,
        case when i.due_in is null or m.event_id is not null
            then i.outcome::attempt_outcome else 'superseded' end,
        i.origin::delivery_origin, i.status, i.detail, {}
    from input i
    left join moved m on m.subscription_id = i.subscription_id and m.event_id = i.event_id
    on conflict do nothing
    returning subscription_id, event_id, outcome, origin
), counted as (
    insert into subscription_count as c (subscription_id, lane, sent, failed, filtered, cancelled,
        retried, last_outcome)
    select subscription_id, {}, count(*) filter (where outcome = 'sent'),
        count(*) filter (where outcome = 'failed'), count(*) filter (where outcome = 'filtered'),
        count(*) filter (where outcome = 'cancelled'), count(*) filter (where outcome = 'retry'),
        (array_agg(outcome order by event_id desc))[1]
    from kept
    where outcome <> 'superseded' and origin <> 'test'
    group by subscription_id
    order by subscription_id
    on conflict (subscription_id, lane) do update set
        sent = c.sent + excluded.sent, failed = c.failed + excluded.failed,
        filtered = c.filtered + excluded.filtered, cancelled = c.cancelled + excluded.cancelled,
        retried = c.retried + excluded.retried, last_outcome = excluded.last_outcome,
        last_attempt_at = now()
)
select count(*), now() from kept where outcome <> 'superseded' and origin <> 'test'
