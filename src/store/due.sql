-- The subscriptions with due rows: one index probe for each subscription that has rows at all.
with recursive first as (
    (select subscription_id, due_at from delivery order by subscription_id, due_at limit 1)
    union all
    select next.subscription_id, next.due_at
    from first f cross join lateral (
        select subscription_id, due_at from delivery
        where subscription_id > f.subscription_id
        order by subscription_id, due_at limit 1
    ) next
)
select subscription_id as id from first where due_at <= now()
