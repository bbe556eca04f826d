-- Webhooks that fail now: their last attempt went wrong, and in the last minute in which they had
-- any, at least as many went wrong as went well. $1 account, $2 one of them or null, $3 at most.
-- Rows of stat and of the counts say so; the logs are asked for the last error of those shown.
with suspect as (
    select s.id, s.title, s.state, s.created_at, c.last_attempt_at
    from subscription s
    cross join lateral (
        select last_outcome, last_attempt_at from subscription_count
        where subscription_id = s.id order by last_attempt_at desc limit 1
    ) c
    where s.account_id = $1 and s.deleted_at is null and ($2::uuid is null or s.id = $2)
        and s.state <> 'disabled' and c.last_outcome in ('retry', 'failed')
), failing as (
    select p.*, hour.at as hour, count(*) over () as number
    from suspect p
    left join lateral (
        select sum(sent) as sent, sum(failed + retried) as errors from stat
        where account_id = $1 and subscription_id = p.id and grain = 1 and at = (
            select at from stat
            where account_id = $1 and subscription_id = p.id and grain = 1
            order by at desc limit 1)
    ) last on true
    left join lateral (
        select at from stat
        where account_id = $1 and subscription_id = p.id and grain = 60 and sent > 0
        order by at desc limit 1
    ) hour on true
    where last.errors is null or last.errors >= last.sent
    order by p.last_attempt_at desc, p.id
    limit $3
)
select f.id, f.title, f.state, f.last_attempt_at, f.number, e.detail, open.number as open,
    next.due_at as next_due_at,
    coalesce(minute_since.at, hour_since.at, f.last_attempt_at) as since,
    coalesce(minute_ok.at, f.hour) as last_sent_at
from failing f
left join lateral (
    -- Minutes are kept for two days.
    select at from stat
    where account_id = $1 and subscription_id = f.id and grain = 1
        and at >= f.hour and at < f.hour + interval '1 hour' and sent > 0
    order by at desc limit 1
) minute_ok on true
left join lateral (
    select at from stat
    where account_id = $1 and subscription_id = f.id and grain = 1 and failed + retried > 0
        and at >= coalesce(minute_ok.at, f.hour, now() - interval '2 days')
        and f.last_attempt_at > now() - interval '2 days'
        -- Else it began before the first minute that is kept.
        and coalesce(f.hour, f.created_at) > now() - interval '47 hours'
    order by at limit 1
) minute_since on true
left join lateral (
    select at from stat
    where account_id = $1 and subscription_id = f.id and grain = 60 and failed + retried > 0
        and at >= coalesce(f.hour, '-infinity')
    order by at limit 1
) hour_since on true
left join lateral (
    select a.detail from (
        select outcome, detail from attempt
        where account_id = $1 and subscription_id = f.id
        order by event_id desc, n desc limit 100
    ) a
    where a.outcome in ('retry', 'failed') limit 1
) e on true
left join lateral (
    select count(*) as number from (
        select from delivery where account_id = $1 and subscription_id = f.id limit 1001
    ) d
) open on true
left join lateral (
    select due_at from delivery
    where subscription_id = f.id and held_by is null order by due_at limit 1
) next on true
order by f.last_attempt_at desc, f.id
