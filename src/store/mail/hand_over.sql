-- A claimed delivery becomes a mail: its row is held by the mail and due no more, and the mail
-- waits, or neither. Nothing happens if a later try claimed the row.
with held as (
    update delivery set held_by = 'mail', due_at = '9999-12-31', claim_lane = null
    where account_id = {} and subscription_id = {} and event_id = {} and n = {}
        and held_by is null
    returning account_id, subscription_id, event_id, n
), given as materialized (
    select h.*, activity_id() as id, i.*
    from held h cross join (
        select {}::text as topic, {}::text as sender, {}::text as domain, {}::text as receivers,
            {}::text as addresses, {}::text as reply_to, {}::text as subject, {}::text as text,
            {}::text as html, {}::text as detail
    ) i
), kept as (
    insert into mail (account_id, id, topic, state, sender, receivers, reply_to, subject,
        message_id, words, text, html, subscription_id, event_id)
    select account_id, id, topic, 'queued', sender, string_to_array(receivers, E'\n'), reply_to,
        subject, replace(id::text, '-', '') || '@' || domain,
        sender || E'\n' || receivers || E'\n' || subject, text, html, subscription_id, event_id
    from given
), due as (
    insert into mail_due (account_id, mail_id, pending, subscription_id, event_id, delivery_n,
        detail)
    select account_id, id, string_to_array(addresses, E'\n'), subscription_id, event_id, n,
        detail
    from given
)
select count(*) as mails from given
