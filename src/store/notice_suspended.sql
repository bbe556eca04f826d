-- For whom a script is suspended, where that is not what was reported last: each account for
-- itself, and the account $1, the operators', for all of them. A version that is at work nowhere
-- any more counts for nobody.
with bad as (
    select h.account_id, h.name, h.reason
    from plugin_health h join plugin_state p on p.name = h.name and p.hash = h.hash
    where h.suspended_at is not null
), now_bad as (
    select account_id, name, reason, null::text as accounts from bad where account_id <> $1
    union all
    select $1, b.name, min(b.reason),
        array_to_string((array_agg(a.name order by a.name))[1:20], ', ')
            || case when count(*) > 20 then format(' and %s more', count(*) - 20) else '' end
    from bad b join account a on a.id = b.account_id group by b.name
)
select coalesce(b.account_id, n.account_id) as account_id, coalesce(b.name, n.subject) as name,
    b.name is not null as suspended, b.reason, b.accounts
from now_bad b full join (
    select account_id, subject from notice where kind = 'suspension'
) n on n.account_id = b.account_id and n.subject = b.name
where b.name is null or n.subject is null
order by 1, 2 limit $2
