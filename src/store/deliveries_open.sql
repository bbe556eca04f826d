-- Open deliveries: the newest rows of each subscription, and for `queued` what may be in flight
-- (at or above the lowest mark of an open lane), which has no row. What does not fit is answered
-- as well, so that the number of rows bounds the work.
select o.event_id, o.subscription_id, bool_or(o.fits) as fits
from (
    select d.event_id, d.subscription_id,
        $6 = case when (s.state <> 'enabled' or d.held_by is not null)
                and d.held_by is distinct from 'mail' then 'held'
            when d.failures = 0 then 'queued' else 'retrying' end as fits
    from subscription s cross join lateral (
        select d.event_id, d.subscription_id, d.failures, d.held_by
        from delivery d
        where d.account_id = $1 and d.subscription_id = s.id and d.event_id >= $2
            and d.event_id <= $3 and (d.event_id, d.subscription_id) < ($3, $4)
        order by d.event_id desc
        limit $5
    ) d
    where s.account_id = $1 and ($7::uuid is null or s.id = $7)
    union all
    (
        select e.id, t.id, true
        from event e cross join lateral unnest(e.targets) as t (id)
        where $6 = 'queued' and e.account_id = $1 and e.id >= $2 and e.id <= $3
            and e.id >= (select low_water from lane where closed_at is null order by 1 limit 1)
            and (e.id, t.id) < ($3, $4) and ($7::uuid is null or t.id = $7)
        order by e.id desc, t.id desc
        limit $5
    )
) o
group by o.event_id, o.subscription_id
order by o.event_id desc, o.subscription_id desc
limit $5
