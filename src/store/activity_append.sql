-- Activities to the log, with their users to the list of users. A user is written once a month,
-- so that busy users' rows are not locked by each activity; in the order of their names, so that
-- two batches cannot wait for each other.
with given as materialized (
    select i.ord, activity_id() as id, i.account_id, coalesce(i.at, now()) as at,
        coalesce(i."user", (
            select left(t.title, 254) from token t
            where i.token is not null and t.id = i.token and t.title <> ''
        )) as "user",
        i.actor, i.actor_id, i."group", i.activity, i.subject, i.payload
    from unnest({}::uuid[], {}::timestamptz[], {}::text[], {}::text[], {}::text[], {}::uuid[],
            {}::text[], {}::text[], {}::text[], {}::text[])
        with ordinality as i (account_id, at, "user", actor, actor_id, token, "group", activity,
            subject, payload, ord)
), this as (
    select date_trunc('month', now() at time zone 'utc')::date as month
), noted as (
    insert into activity_user as u (account_id, "user", last_month)
    select distinct g.account_id, g."user", this.month
    from given g cross join this
    where g."user" is not null and not exists (
        select from activity_user k
        where k.account_id = g.account_id and k."user" = g."user" and k.last_month >= this.month)
    order by g.account_id, g."user"
    on conflict (account_id, "user") do update
        set last_month = greatest(u.last_month, excluded.last_month)
), kept as (
    insert into activity (account_id, id, at, "user", actor, actor_id, "group", activity, subject,
        payload)
    select account_id, id, at, "user", actor::activity_actor, actor_id, "group", activity, subject,
        payload
    from given
    order by ord
)
select array_agg(id order by ord) as ids from given
