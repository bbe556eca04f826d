-- Deliveries that a script holds up: it is suspended, or there is no version of it that works.
-- Such a row is due only when the script works again, and then at once.
alter table delivery add column held_by text;
create index delivery_held on delivery (held_by, subscription_id) where held_by is not null;

-- What a version of a script has shown itself to be, for every daemon and beyond a restart.
-- A row counts only while the file's hash is this one.
create table plugin_state (
    -- triggers/<EVENT_TYPE>.rhai or named/<name>.rhai
    name text primary key,
    -- SHA-256 of the file, 64 hexadecimal digits.
    hash text not null check (length(hash) = 64),
    -- It overran its deadline: it runs on a thread of its own.
    apart_at timestamptz,
    -- It failed too much: its deliveries are held.
    suspended_at timestamptz,
    -- Why, in words for people.
    reason text,
    check ((suspended_at is null) = (reason is null))
);
