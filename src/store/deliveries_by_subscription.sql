-- Deliveries of one subscription: those with an attempt, those with a row, and what may be in
-- flight. Each part reads an index from its end; with a type, each is looked up by its own probe.
select k.event_id, $6 as subscription_id, true as fits
from (
    (
        select a.event_id
        from (
            select distinct a.event_id
            from attempt a
            where a.account_id = $1 and a.subscription_id = $6 and a.event_id >= $2
                and a.event_id <= $3 and (a.event_id, a.subscription_id) < ($3, $4)
            order by a.event_id desc
            -- More than a window; it tells the planner to read the index from its end.
            limit 20000
        ) a
        cross join lateral (
            select where $7::text is null
            union all
            (
                select from event e
                where e.account_id = $1 and e.type = $7 and e.id = a.event_id limit 1
            )
            limit 1
        ) fitting
        order by a.event_id desc
        limit $5
    )
    union
    (
        select d.event_id
        from delivery d
        cross join lateral (
            select where $7::text is null
            union all
            (
                select from event e
                where e.account_id = $1 and e.type = $7 and e.id = d.event_id limit 1
            )
            limit 1
        ) fitting
        where d.account_id = $1 and d.subscription_id = $6 and d.event_id >= $2
            and d.event_id <= $3 and (d.event_id, d.subscription_id) < ($3, $4)
        order by d.event_id desc
        limit $5
    )
    union
    (
        select e.id
        from (
            select e.id, e.type, e.targets
            from event e
            where e.account_id = $1 and e.id >= $2 and e.id <= $3
                and e.id >= (select low_water from lane where closed_at is null order by 1 limit 1)
            order by e.id desc
            limit 5000
        ) e
        where $6 = any (e.targets) and (e.id, $6) < ($3, $4) and ($7::text is null or e.type = $7)
        order by e.id desc
        limit $5
    )
) k
order by k.event_id desc
limit $5
