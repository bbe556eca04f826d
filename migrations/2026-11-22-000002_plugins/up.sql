-- Deliveries that a script holds up: it is suspended, or there is no version of it that works.
-- Such a row is due only when the script works again, and then at once.
alter table delivery add column held_by text;
create index delivery_held on delivery (held_by, subscription_id, event_id) where held_by is not null;

-- What is known of each script, for every daemon and beyond a restart: the version at work, and
-- what that version has shown itself to be.
create table plugin_state (
    -- triggers/<EVENT_TYPE>.rhai or named/<name>.rhai
    name text primary key,
    -- SHA-256 of the version at work, 64 hexadecimal digits; null: none works.
    hash text check (length(hash) = 64),
    -- What is wrong with the file as it stands, in words for people.
    broken text,
    -- It overran its deadline: it runs on a thread of its own.
    apart_at timestamptz,
    -- It failed too much: its deliveries are held.
    suspended_at timestamptz,
    -- Why, in words for people.
    reason text,
    check ((suspended_at is null) = (reason is null)),
    check (hash is not null or (apart_at is null and suspended_at is null))
);
