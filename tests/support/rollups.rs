//! The rollups held against an exact count over the logs: by minute and by hour, for each
//! subscription and for each account.

use super::psql;

/// What stands in the logs and not in `stat`, or the other way round: each row once, with the
/// side that has it. Empty: they are equal.
pub fn differences(url: &str) -> String {
    let nil = "'00000000-0000-0000-0000-000000000000'::uuid";
    psql(
        url,
        &format!(
            "with g (grain, unit) as (values (1, 'minute'), (60, 'hour')), \
             tried as ( \
                 select account_id, coalesce(subscription_id, {nil}) as subscription_id, grain, \
                     date_trunc(unit, at, 'UTC') as at, \
                     count(*) filter (where outcome = 'sent') as sent, \
                     count(*) filter (where outcome = 'failed') as failed, \
                     count(*) filter (where outcome = 'filtered') as filtered, \
                     count(*) filter (where outcome = 'cancelled') as cancelled, \
                     count(*) filter (where outcome = 'retry') as retried, \
                     count(*) filter (where status is not null) as answered \
                 from attempt, g where outcome <> 'superseded' and origin <> 'test' \
                 group by grouping sets ((account_id, subscription_id, grain, date_trunc(unit, at, 'UTC')), \
                     (account_id, grain, date_trunc(unit, at, 'UTC'))) \
             ), accepted as ( \
                 select account_id, {nil} as subscription_id, grain, date_trunc(unit, to_timestamp( \
                     ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0), 'UTC') as at, \
                     count(*) as events \
                 from event, g where not test group by 1, 2, 3, 4 \
             ), exact as ( \
                 select account_id, subscription_id, grain, at, coalesce(events, 0) as events, \
                     coalesce(sent, 0) as sent, coalesce(failed, 0) as failed, \
                     coalesce(filtered, 0) as filtered, coalesce(cancelled, 0) as cancelled, \
                     coalesce(retried, 0) as retried, coalesce(answered, 0) as answered \
                 from tried full join accepted using (account_id, subscription_id, grain, at) \
             ), kept as ( \
                 select account_id, subscription_id, grain, at, sum(events), sum(sent), sum(failed), \
                     sum(filtered), sum(cancelled), sum(retried), \
                     coalesce(sum((select sum(n) from unnest(latency) as n)), 0) as answered \
                 from stat group by 1, 2, 3, 4 \
             ) \
             select 'logs', * from (select * from exact except select * from kept) a \
             union all \
             select 'stat', * from (select * from kept except select * from exact) b \
             order by 4, 5, 3, 1"
        ),
    )
}

/// The same for how long targets took to answer: by part of the scale, over everything.
pub fn latency_differences(url: &str) -> String {
    let bounds: Vec<String> = (herald::domain::stat_bucket::BOUNDS.iter())
        .map(ToString::to_string)
        .collect();
    psql(
        url,
        &format!(
            "with exact as ( \
                 select subscription_id, width_bucket(duration_ms, '{{{}}}'::int4[]) as part, \
                     count(*) as count \
                 from attempt where status is not null and outcome <> 'superseded' \
                     and origin <> 'test' group by 1, 2 \
             ), kept as ( \
                 select subscription_id, (place - 1)::int4 as part, sum(n) as count \
                 from stat, unnest(latency) with ordinality as u (n, place) \
                 where grain = 1 and subscription_id <> '00000000-0000-0000-0000-000000000000' \
                 group by 1, 2 having sum(n) > 0 \
             ) \
             select * from (select * from exact except select * from kept) a \
             union all select * from (select * from kept except select * from exact) b",
            bounds.join(",")
        ),
    )
}
