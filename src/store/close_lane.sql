-- What a closed lane leaves behind: every target of its events, from its low-water mark on,
-- that has neither an attempt nor a row gets a row. n = 1, because a first attempt may have
-- been begun. What is known to be under way in this very process becomes due only after it
-- must have ended.
with behind as (
    select e.account_id, target.id as subscription_id, e.id as event_id
    from account a
    cross join lateral (
        select * from event e
        where e.account_id = a.id and e.id >= $2 and e.lane = $1 and not e.test
    ) e
    cross join lateral unnest(e.targets) as target (id)
    where not exists (
        select from attempt t
        where t.account_id = e.account_id and t.subscription_id = target.id and t.event_id = e.id
            -- Superseded: it was recorded for a row that is not there.
            and t.outcome <> 'superseded'
    )
)
insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
select b.account_id, b.subscription_id, b.event_id,
    now() + case when u.event_id is null then interval '0' else make_interval(secs => $5) end,
    1, 0, 0, 'first'
from behind b
left join unnest($3::uuid[], $4::uuid[]) as u (subscription_id, event_id)
    on u.subscription_id = b.subscription_id and u.event_id = b.event_id
on conflict do nothing
