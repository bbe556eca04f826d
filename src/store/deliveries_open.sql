-- Open deliveries, from the index by stage: the newest of each subscription in the stages that
-- mean the wanted state, which depends on the subscription's own state. For `queued` also what
-- may be in flight: it has neither a row nor an attempt. Rows of another type are returned as well,
-- so that the number of rows bounds the work.
select o.event_id, o.subscription_id, $10::text is null or exists (
        select from event e where e.account_id = $1 and e.id = o.event_id and e.type = $10
    ) as fits
from (
    select event_id, subscription_id from (
        select d.event_id, s.id as subscription_id
        from subscription s
        cross join lateral unnest(
            case when s.state = 'enabled' then $6::smallint[] else $7::smallint[] end
        ) as w (stage)
        cross join lateral (
            select d.event_id
            from delivery d
            where d.account_id = $1 and d.subscription_id = s.id and d.stage = w.stage
                and d.event_id >= $2 and d.event_id <= $3
                and (d.event_id, d.subscription_id) < ($3, $4)
            order by d.event_id desc
            limit $5
        ) d
        where s.account_id = $1 and ($8::uuid is null or s.id = $8)
        union
        (
            select e.id, t.id
            from (
                select e.id, e.targets
                from event e
                where $9 and e.account_id = $1 and e.id >= $2 and e.id <= $3
                    and e.id >= (select low_water from lane where closed_at is null order by 1 limit 1)
                order by e.id desc
                limit 5000
            ) e
            cross join lateral unnest(e.targets) as t (id)
            where (e.id, t.id) < ($3, $4) and ($8::uuid is null or t.id = $8)
                and not exists (
                    select from attempt a
                    where a.account_id = $1 and a.subscription_id = t.id and a.event_id = e.id
                )
            order by e.id desc, t.id desc
            limit $5
        )
    ) o
    order by event_id desc, subscription_id desc
    limit $5
) o
order by o.event_id desc, o.subscription_id desc
