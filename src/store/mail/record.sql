-- What tries came to. An end takes the mail out of the queue, whoever claimed it last; anything
-- else moves it only where n is its own. What ends a mail ends the delivery that it carries:
-- its row goes and its attempt comes in this same statement. Running it twice changes nothing.
with input as materialized (
    select * from unnest({}::uuid[], {}::uuid[], {}::int4[], {}::int4[], {}::text[], {}::text[],
            {}::text[], {}::float8[], {}::text[], {}::bool[], {}::bool[])
        as i (account_id, mail_id, n, duration_ms, outcome, reply, receivers, due_in, pending,
            refused, tried)
), ended as (
    delete from mail_due d using input i
    where d.account_id = i.account_id and d.mail_id = i.mail_id and i.due_in is null
    returning d.account_id, d.mail_id, d.subscription_id, d.event_id, d.delivery_n, d.detail, i.n,
        i.outcome, i.reply, i.duration_ms
), moved as (
    update mail_due d set due_at = now() + make_interval(secs => i.due_in),
        failures = d.failures + 1, pending = string_to_array(i.pending, E'\n'),
        refused = i.refused, claim_lane = null
    from input i
    where d.account_id = i.account_id and d.mail_id = i.mail_id and i.due_in is not null
        and d.n = i.n and d.claim_lane is not null
    returning d.account_id, d.mail_id, d.subscription_id, d.event_id, d.delivery_n, d.failures,
        i.n, i.outcome, i.reply
), waiting as (
    -- A delivery whose mail was refused for now shows as retrying.
    update delivery d set failures = m.failures
    from moved m
    where m.subscription_id is not null and d.account_id = m.account_id
        and d.subscription_id = m.subscription_id and d.event_id = m.event_id
        and d.n = m.delivery_n and d.held_by = 'mail'
), kept as (
    insert into mail_try (account_id, mail_id, n, duration_ms, outcome, reply, receivers)
    select account_id, mail_id, n, duration_ms, outcome::mail_try_outcome, reply, receivers
    from input
    where tried
    on conflict do nothing
), logged as (
    update mail m set
        state = (case t.outcome when 'retry' then 'queued' else t.outcome end)::mail_state,
        attempts = greatest(m.attempts, t.n), reply = t.reply,
        sent_at = case when t.outcome = 'sent' then now() end,
        text = case when m.confidential and t.outcome <> 'retry' then '' else m.text end,
        html = case when m.confidential and t.outcome <> 'retry' then null else m.html end
    from (
        select account_id, mail_id, n, outcome, reply from ended
        union all
        select account_id, mail_id, n, outcome, reply from moved
    ) t
    where m.account_id = t.account_id and m.id = t.mail_id
), delivered as (
    delete from delivery d using ended e
    where e.subscription_id is not null and d.account_id = e.account_id
        and d.subscription_id = e.subscription_id and d.event_id = e.event_id
        and d.n = e.delivery_n and d.held_by = 'mail'
    returning d.account_id, d.subscription_id, d.event_id, d.n, d.origin, e.outcome, e.reply,
        e.duration_ms, e.n as tries, e.mail_id, e.detail
), attempted as (
    insert into attempt (account_id, subscription_id, event_id, n, duration_ms, outcome, origin,
        detail)
    select account_id, subscription_id, event_id, n, duration_ms, outcome::attempt_outcome,
        origin, (coalesce(detail::jsonb, jsonb_build_object()) || jsonb_build_object(
            'ms', jsonb_build_array(0, 0, 0, duration_ms),
            case outcome when 'sent' then 'smtp_reply' else 'error' end, reply,
            'mail', mail_id, 'tries', tries))::text
    from delivered
    on conflict do nothing
    returning account_id, subscription_id, event_id, outcome, origin
), given_up as (
    -- For the account's admins: reported together; notices themselves are left out.
    insert into notice (account_id, kind, subject, told)
    select e.account_id, 'mail', e.mail_id::text, 'given up'
    from ended e join mail m on m.account_id = e.account_id and m.id = e.mail_id
    where e.outcome = 'failed'
        and m.topic not in ('Mail Given Up', 'Target Failing', 'Target Recovered',
            'Subscription Disabled', 'Subscription Paused', 'Plugin Broken', 'Plugin Suspended',
            'Plugin Recovered')
        and (e.subscription_id is null or exists (
            select from delivered d
            where d.subscription_id = e.subscription_id and d.event_id = e.event_id))
    on conflict do nothing
), counted as (
    insert into subscription_count as c (subscription_id, lane, sent, failed, last_outcome)
    select subscription_id, {}, count(*) filter (where outcome = 'sent'),
        count(*) filter (where outcome = 'failed'),
        (array_agg(outcome order by event_id desc))[1]
    from attempted
    where origin <> 'test'
    group by subscription_id
    order by subscription_id
    on conflict (subscription_id, lane) do update set
        sent = c.sent + excluded.sent, failed = c.failed + excluded.failed,
        last_outcome = excluded.last_outcome, last_attempt_at = now()
), rolled_up as (
    -- At once, and not from a daemon's memory: lane 0.
    insert into stat as s (account_id, subscription_id, grain, at, lane, sent, failed)
    select account_id, coalesce(subscription_id, '00000000-0000-0000-0000-000000000000'), grain,
        date_trunc(unit, now(), 'UTC'), 0, count(*) filter (where outcome = 'sent'),
        count(*) filter (where outcome = 'failed')
    from attempted, (values (1, 'minute'), (60, 'hour')) as g (grain, unit)
    where origin <> 'test'
    group by grouping sets ((account_id, subscription_id, grain, unit), (account_id, grain, unit))
    order by grain, account_id, 2
    on conflict (account_id, subscription_id, grain, at, lane) do update set
        sent = s.sent + excluded.sent, failed = s.failed + excluded.failed
)
select count(*) from ended
