-- The event of the attempt, or of the row where rows are wanted ($8), that lies $5 behind
-- ($3, $4), whichever is nearer: of one subscription, or of one outcome that is not `sent`, or
-- of both.
select greatest(
    (
        select a.event_id from attempt a
        where a.account_id = $1 and a.event_id >= $2 and a.event_id <= $3
            and (a.event_id, a.subscription_id) < ($3, $4)
            and ($6::uuid is null or a.subscription_id = $6)
            and ($7::text is null or a.outcome = $7::attempt_outcome and a.outcome <> 'sent')
        order by a.event_id desc offset $5 limit 1
    ),
    (
        select d.event_id from delivery d
        where $8 and d.account_id = $1 and d.subscription_id = $6 and d.event_id >= $2
            and d.event_id <= $3 and (d.event_id, d.subscription_id) < ($3, $4)
        order by d.event_id desc offset $5 limit 1
    )
) as event_id
