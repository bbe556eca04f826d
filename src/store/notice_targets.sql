-- Subscriptions whose state is not the one that was reported last. A target is failing if its last
-- attempts went wrong and a delivery has waited for so long; mail targets are reported by their
-- mails. Between the two it keeps the state that was reported.
select s.account_id, s.id, s.title, s.state, s.told, s.reason
from (
    select s.account_id, s.id, s.title, n.told, s.disabled_reason as reason,
        case
            when s.state = 'disabled' and s.disabled_reason is not null then 'disabled'
            when s.state = 'paused' and s.disabled_reason is not null then 'paused'
            when s.state = 'disabled' then 'ok'
            when c.last in ('retry', 'failed') and exists (
                select from delivery d
                where d.subscription_id = s.id and d.failures > 0
                    and d.event_id < (lpad(to_hex((extract(epoch from
                        now() - make_interval(secs => $1)) * 1000)::bigint), 12, '0')
                        || repeat('0', 20))::uuid
            ) then 'failing'
            when c.last = 'sent' then 'ok'
            else coalesce(n.told, 'ok')
        end as state
    from subscription s
    left join notice n
        on n.account_id = s.account_id and n.kind = 'target' and n.subject = s.id::text
    left join lateral (
        select last_outcome as last from subscription_count
        where subscription_id = s.id order by last_attempt_at desc limit 1
    ) c on true
    where s.deleted_at is null and s.url not like 'mailto:%'
) s
where s.state <> coalesce(s.told, 'ok')
order by s.id
limit $2
