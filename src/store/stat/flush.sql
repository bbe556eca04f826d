-- Absolute values of minutes and hours. Counts only rise, so the higher one is the newer: running
-- this again, or beside a repair that counted more, changes nothing.
with written as (
    insert into stat as s (account_id, subscription_id, grain, at, lane, events, sent, failed,
        filtered, cancelled, retried, latency)
    select i.account_id, i.subscription_id, i.grain, i.at, i.lane, i.events, i.sent, i.failed,
        i.filtered, i.cancelled, i.retried, i.latency::int4[]
    from unnest({}::uuid[], {}::uuid[], {}::int2[], {}::timestamptz[], {}::int4[], {}::int4[],
            {}::int4[], {}::int4[], {}::int4[], {}::int4[], {}::int4[], {}::text[])
        as i (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered,
            cancelled, retried, latency)
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
    returning 1
)
select count(*) from written
