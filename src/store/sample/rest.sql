-- One row: webhooks that fail (as attention/failing.sql has it, over all accounts), mails that
-- wait, open lanes, and what the last audit of the whole server found.
select
    (
        select count(*) from subscription s
        cross join lateral (
            select last_outcome from subscription_count
            where subscription_id = s.id order by last_attempt_at desc limit 1
        ) c
        left join lateral (
            select sum(sent) as sent, sum(failed + retried) as errors from stat
            where account_id = s.account_id and subscription_id = s.id and grain = 1 and at = (
                select at from stat
                where account_id = s.account_id and subscription_id = s.id and grain = 1
                order by at desc limit 1)
        ) last on true
        where s.deleted_at is null and s.state <> 'disabled'
            and c.last_outcome in ('retry', 'failed')
            and (last.errors is null or last.errors >= last.sent)
    ) as failing,
    m.mails, m.mail_due, l.lanes, l.expired, a.lost, a.double, a.as_of
from (select count(*) as mails, min(due_at) as mail_due from mail_due) m
cross join (
    select count(*) as lanes, count(*) filter (where lease_until < now()) as expired
    from lane where closed_at is null
) l
left join audit_result a on a.account_id = '00000000-0000-0000-0000-000000000000'
