-- Mails to the log, and those that are to be sent to the queue. Arrays within an array come as
-- lines: no address holds a line end.
with given as materialized (
    select i.*, activity_id() as id
    from unnest({}::uuid[], {}::text[], {}::text[], {}::text[], {}::text[], {}::text[],
            {}::text[], {}::text[], {}::text[], {}::text[], {}::bool[])
        with ordinality as i (account_id, topic, sender, domain, receivers, addresses, reply_to,
            subject, text, html, recorded, ord)
), kept as (
    insert into mail (account_id, id, topic, state, sender, receivers, reply_to, subject,
        message_id, recorded, sent_at, words, text, html)
    select account_id, id, topic, (case when recorded then 'sent' else 'queued' end)::mail_state,
        sender, string_to_array(receivers, E'\n'), reply_to, subject,
        replace(id::text, '-', '') || '@' || domain, recorded,
        case when recorded then now() end,
        sender || E'\n' || receivers || E'\n' || subject, text, html
    from given
    order by ord
), due as (
    insert into mail_due (account_id, mail_id, pending)
    select account_id, id, string_to_array(addresses, E'\n')
    from given
    where not recorded
)
select array_agg(id order by ord) as ids from given
