-- Deliveries with an attempt that was not `sent`, from the partial index attempt_not_sent. What
-- does not fit is answered as well, so that the number of rows bounds the work.
select a.event_id, a.subscription_id,
    bool_or(a.outcome = $6::attempt_outcome) and ($7::uuid is null or a.subscription_id = $7) as fits
from attempt a
where a.account_id = $1 and a.outcome <> 'sent' and a.event_id >= $2 and a.event_id <= $3
    and (a.event_id, a.subscription_id) < ($3, $4)
group by a.event_id, a.subscription_id
order by a.event_id desc, a.subscription_id desc
limit $5
