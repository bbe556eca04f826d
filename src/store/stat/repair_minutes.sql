-- A closed lane's minutes, from the logs: $1 lane, $2 the first minute that may miss something,
-- $3 the end, $4 and $5 the same as
-- ids. BOUNDS and PARTS are replaced by the scale of latencies and the counts of each of its parts.
with tried as materialized (
    select account_id, subscription_id, date_trunc('minute', at, 'UTC') as at, outcome, status,
        width_bucket(duration_ms, '{BOUNDS}'::int4[]) as part
    from attempt
    where at >= $2 and at < $3 and lane = $1 and outcome <> 'superseded' and origin <> 'test'
), counted as (
    select account_id,
        coalesce(subscription_id, '00000000-0000-0000-0000-000000000000') as subscription_id, at,
        count(*) filter (where outcome = 'sent') as sent,
        count(*) filter (where outcome = 'failed') as failed,
        count(*) filter (where outcome = 'filtered') as filtered,
        count(*) filter (where outcome = 'cancelled') as cancelled,
        count(*) filter (where outcome = 'retry') as retried,
        array[PARTS]::int4[] as latency
    from tried
    group by grouping sets ((account_id, subscription_id, at), (account_id, at))
), accepted as (
    select e.account_id, '00000000-0000-0000-0000-000000000000'::uuid as subscription_id, e.at,
        count(*) as events
    from account a
    cross join lateral (
        -- An event's minute is the one in its id.
        select e.account_id, date_trunc('minute', to_timestamp(
            ('x' || left(replace(e.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0), 'UTC') as at
        from event e
        where e.account_id = a.id and e.id >= $4 and e.id < $5 and e.lane = $1 and not e.test
    ) e
    group by 1, 3
), minute as (
    select account_id, subscription_id, at, coalesce(events, 0) as events,
        coalesce(sent, 0) as sent, coalesce(failed, 0) as failed,
        coalesce(filtered, 0) as filtered, coalesce(cancelled, 0) as cancelled,
        coalesce(retried, 0) as retried, coalesce(latency, '{}') as latency
    from counted full join accepted using (account_id, subscription_id, at)
)
insert into stat as s (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered,
    cancelled, retried, latency)
select account_id, subscription_id, 1, at, $1, events, sent, failed, filtered, cancelled, retried,
    latency
from minute
order by account_id, subscription_id, at
on conflict (account_id, subscription_id, grain, at, lane) do update set
    events = greatest(s.events, excluded.events), sent = greatest(s.sent, excluded.sent),
    failed = greatest(s.failed, excluded.failed),
    filtered = greatest(s.filtered, excluded.filtered),
    cancelled = greatest(s.cancelled, excluded.cancelled),
    retried = greatest(s.retried, excluded.retried),
    latency = array(
        select greatest(u.old, u.new)
        from unnest(s.latency, excluded.latency) with ordinality as u (old, new, place)
        order by u.place)
