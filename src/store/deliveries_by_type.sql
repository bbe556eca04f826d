-- Deliveries of one event type, from the index of the events that go to somebody; with an
-- outcome, those that have such an attempt; with stages, those with a row in one of them; if
-- $11, also those that have neither attempt nor row.
select e.event_id, e.subscription_id, true as fits
from (
    select e.id as event_id, t.id as subscription_id
    from (
        select e.id, e.targets
        from event e
        where e.account_id = $1 and e.type = $6 and e.targets <> '{}' and e.id >= $2
            and e.id <= $3
        order by e.id desc
        -- More than a window; it tells the planner to read the index from its end.
        limit 20000
    ) e
    cross join lateral unnest(e.targets) as t (id)
    where (e.id, t.id) < ($3, $4) and ($7::uuid is null or t.id = $7)
    order by e.id desc, t.id desc
) e
cross join lateral (
    select where $8::text is null and $9::smallint[] is null
    union all
    (
        select from attempt a
        where $8 = 'sent' and a.account_id = $1 and a.subscription_id = e.subscription_id
            and a.event_id = e.event_id and a.outcome = 'sent'
        limit 1
    )
    union all
    (
        select from attempt a
        where $8 <> 'sent' and a.account_id = $1 and a.subscription_id = e.subscription_id
            and a.event_id = e.event_id and a.outcome = $8::attempt_outcome
            and a.outcome <> 'sent'
        limit 1
    )
    union all
    (
        select from delivery d join subscription s on s.id = d.subscription_id
        where $9::smallint[] is not null and d.account_id = $1
            and d.subscription_id = e.subscription_id and d.event_id = e.event_id
            and d.stage = any (case when s.state = 'enabled' then $9::smallint[] else $10::smallint[] end)
        limit 1
    )
    union all
    -- In flight.
    (
        select where $11
            and not exists (
                select from attempt a
                where a.account_id = $1 and a.subscription_id = e.subscription_id
                    and a.event_id = e.event_id
            )
            and not exists (
                select from delivery d
                where d.account_id = $1 and d.subscription_id = e.subscription_id
                    and d.event_id = e.event_id
            )
    )
    limit 1
) fitting
order by e.event_id desc, e.subscription_id desc
limit $5
