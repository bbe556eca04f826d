-- How a version of a script does for an account: one account's payloads neither suspend it for
-- another nor move it. Older daemons do not know this table; they write apart_at and suspended_at
-- of plugin_state, which newer ones take as said of every account.
create table plugin_health (
    name text not null,
    -- The version: the SHA-256 of its file, 64 hexadecimal digits.
    hash text not null check (length(hash) = 64),
    account_id uuid not null references account on delete cascade,
    -- It took too long: it runs on a thread of its own. Null again when it was quick for long
    -- enough; the row stays, so that a script that goes to and fro is told of once.
    apart_at timestamptz,
    -- It failed too much: the account's deliveries are held.
    suspended_at timestamptz,
    -- Why, in words for people.
    reason text,
    primary key (name, hash, account_id),
    check ((suspended_at is null) = (reason is null))
);
create index plugin_health_account on plugin_health (account_id);
