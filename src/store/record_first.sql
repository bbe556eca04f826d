-- First attempts made from memory, fenced by their lane: if it is closed, nothing is written,
-- because its targets have rows by now that this statement's snapshot may not show. A row for
-- the next try is written only with its attempt, so that running the statement twice is safe.
with live as materialized (
    select id from lane where id = {} and closed_at is null for key share
), kept as (
    insert into attempt (account_id, subscription_id, event_id, n, duration_ms, outcome, origin,
        status, detail, lane)
    select i.account_id, i.subscription_id, i.event_id, 1, i.duration_ms,
        i.outcome::attempt_outcome, 'first', i.status, i.detail, l.id
    from live l,
        unnest({}::uuid[], {}::uuid[], {}::uuid[], {}::int4[], {}::text[], {}::int2[], {}::text[])
            as i (account_id, subscription_id, event_id, duration_ms, outcome, status, detail)
    on conflict do nothing
    returning account_id, subscription_id, event_id, outcome
), opened as (
    insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
    select k.account_id, k.subscription_id, k.event_id, now() + make_interval(secs => r.due_in),
        1, 0, 1, 'first'
    from unnest({}::uuid[], {}::uuid[], {}::float8[]) as r (subscription_id, event_id, due_in)
    join kept k on k.subscription_id = r.subscription_id and k.event_id = r.event_id
    on conflict do nothing
), counted as (
    insert into subscription_count as c (subscription_id, lane, sent, failed, filtered, cancelled,
        retried, last_outcome)
    select subscription_id, {}, count(*) filter (where outcome = 'sent'),
        count(*) filter (where outcome = 'failed'), count(*) filter (where outcome = 'filtered'),
        count(*) filter (where outcome = 'cancelled'), count(*) filter (where outcome = 'retry'),
        (array_agg(outcome order by event_id desc))[1]
    from kept
    group by subscription_id
    order by subscription_id
    on conflict (subscription_id, lane) do update set
        sent = c.sent + excluded.sent, failed = c.failed + excluded.failed,
        filtered = c.filtered + excluded.filtered, cancelled = c.cancelled + excluded.cancelled,
        retried = c.retried + excluded.retried, last_outcome = excluded.last_outcome,
        last_attempt_at = now()
)
select (select count(*) from live), (select count(*) from kept), now()
