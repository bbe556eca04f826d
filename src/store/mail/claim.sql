-- Claims due mails, the accounts in turn, each its oldest first. A claim raises n and holds the
-- mail until its try must have ended. What another daemon is claiming is passed over.
with recursive accounts as (
    (select account_id from mail_due order by account_id limit 1)
    union all
    select next.account_id
    from accounts a cross join lateral (
        select account_id from mail_due
        where account_id > a.account_id order by account_id limit 1
    ) next
), turns as (
    select d.account_id, d.mail_id, d.due_at, row_number() over (
        partition by d.account_id order by d.due_at, d.mail_id) as turn
    from accounts a cross join lateral (
        select account_id, mail_id, due_at from mail_due
        where account_id = a.account_id and due_at <= now()
        order by due_at, mail_id limit $1
    ) d
), picked as (
    select d.account_id, d.mail_id
    from (select * from turns order by turn, due_at limit $1) t
    join mail_due d on d.account_id = t.account_id and d.mail_id = t.mail_id
    where d.due_at <= now()
    for update of d skip locked
), claimed as (
    update mail_due d set n = d.n + 1, due_at = now() + make_interval(secs => $2), claim_lane = $3
    from picked p
    where d.account_id = p.account_id and d.mail_id = p.mail_id
    returning d.*
)
select c.account_id, c.mail_id, c.n, c.failures, c.pending, c.refused,
    m.sender, m.receivers, m.reply_to, m.subject, m.text, m.html, m.message_id, m.created_at,
    m.created_at < now() - interval '4 days' as expired,
    c.subscription_id is not null and not exists (
        select from delivery d
        where d.account_id = c.account_id and d.subscription_id = c.subscription_id
            and d.event_id = c.event_id and d.n = c.delivery_n and d.held_by = 'mail'
    ) as orphaned
from claimed c
join mail m on m.account_id = c.account_id and m.id = c.mail_id
