-- The activity log: what users did in the host application, and what Herald's own users, tokens
-- and scripts did in Herald. Nobody changes it, it only grows and loses whole months.

create type activity_actor as enum ('application', 'user', 'token', 'herald');

-- A UUIDv7 of the database's clock, to the microsecond (RFC 9562, 6.2, method 3): the order in
-- which activities were recorded, whoever recorded them.
create function activity_id() returns uuid language sql volatile as $$
    select encode(
        overlay(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send(t / 1000) from 3) from 1 for 6)
            -- Version 7, and the part of the millisecond in 12 bits.
            placing int2send((28672 + (t % 1000) * 4096 / 1000)::int2) from 7 for 2),
        'hex')::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as t) as now
$$;

-- Partitioned by the month in its UUIDv7: it is kept for a year by default, and a search must
-- look into each partition, so twelve of them are right and 365 are not. The daemon makes them.
create table activity (
    account_id uuid not null,
    -- When it was recorded.
    id uuid not null default activity_id(),
    -- When it was done, as the host application says; else when it was recorded.
    at timestamptz not null default now(),
    -- Who: an e-mail or a name. Null: Herald itself.
    "user" text check (length("user") between 1 and 254),
    -- Who says so.
    actor activity_actor not null,
    -- The TypeID of the token or of the user of Herald.
    actor_id text,
    "group" text not null check (length("group") between 1 and 100),
    activity text not null check (length(activity) between 1 and 100),
    -- What it was done to: a TypeID, or the name of a script.
    subject text,
    -- JSON as it was given. Text, because nothing queries inside it.
    payload text check (octet_length(payload) <= 65536),
    primary key (account_id, id)
) partition by range (id);
-- One index for each filter, all in the order of the list: no filter reads more than it shows.
create index activity_by_time on activity (account_id, at, id);
create index activity_by_kind on activity (account_id, "group", activity, at, id);
create index activity_by_user on activity (account_id, "user", at, id);
create index activity_by_user_and_kind on activity (account_id, "user", "group", activity, at, id);

-- Append-only for everybody, the owner included. It stops mistakes and faults of programs; who
-- owns the database can take the triggers away, and that is not hidden.
create function activity_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the activity log is append-only: % is refused', tg_op
        using errcode = 'restrict_violation',
            hint = 'Old months go as a whole: see the setting activity_retention_days.';
end
$$;
-- This one comes to each partition by itself;
create trigger activity_is_never_changed before update or delete on activity
    for each row execute function activity_is_append_only();
-- this one guards the table that it stands on alone: who makes a partition adds it there.
create trigger activity_is_never_emptied before truncate on activity
    for each statement execute function activity_is_append_only();

-- The users that stand in the log, so that a part of a name is looked for among thousands of
-- users and not among millions of activities.
create table activity_user (
    account_id uuid not null,
    "user" text not null,
    -- The first day of the last month in which something was recorded of this user.
    last_month date not null,
    primary key (account_id, "user")
);
create index activity_user_last_month on activity_user (last_month);

-- Without pg_trgm (a database that does not let its owner have it) the search still works, by
-- reading all users of the account.
do $$
begin
    create extension if not exists pg_trgm;
    create index activity_user_part on activity_user using gin ("user" gin_trgm_ops);
exception when others then
    raise warning 'no index for parts of user names: %', sqlerrm;
end
$$;

-- Groups and activities that applications add to the catalogue.
create table activity_type (
    account_id uuid not null references account on delete cascade,
    "group" text not null check (length("group") between 1 and 100),
    activity text not null check (length(activity) between 1 and 100),
    description text not null default '',
    created_at timestamptz not null default now(),
    primary key (account_id, "group", activity)
);
