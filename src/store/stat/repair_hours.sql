-- A closed lane's hours, as sums of its minutes: $1 lane, $2 the first hour, $3 the end.
with minute as (
    select s.account_id, s.subscription_id, date_trunc('hour', s.at, 'UTC') as hour, s.events,
        s.sent, s.failed, s.filtered, s.cancelled, s.retried, s.latency
    from (
        select account_id, id from subscription
        union all select id, '00000000-0000-0000-0000-000000000000'::uuid from account
    ) k
    join stat s on s.account_id = k.account_id and s.subscription_id = k.id
        and s.grain = 1 and s.at >= $2 and s.at < $3 and s.lane = $1
), part as (
    select account_id, subscription_id, hour, u.place, sum(u.count)::int4 as count
    from minute cross join lateral unnest(latency) with ordinality as u (count, place)
    group by account_id, subscription_id, hour, u.place
), answered as (
    select account_id, subscription_id, hour, array_agg(count order by place) as latency
    from part group by account_id, subscription_id, hour
), summed as (
    select account_id, subscription_id, hour, sum(events) as events, sum(sent) as sent,
        sum(failed) as failed, sum(filtered) as filtered, sum(cancelled) as cancelled,
        sum(retried) as retried
    from minute group by account_id, subscription_id, hour
)
insert into stat as s (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered,
    cancelled, retried, latency)
select account_id, subscription_id, 60, hour, $1, events, sent, failed, filtered, cancelled,
    retried, coalesce(latency, '{}')
from summed left join answered using (account_id, subscription_id, hour)
order by account_id, subscription_id, hour
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
