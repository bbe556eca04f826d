-- People: the users of an account, their sessions on the pages, the links by which they set a
-- password, and what bounds guessing. Of every secret only its hash is kept.

create type user_role as enum ('viewer', 'admin');
create type link_purpose as enum ('invitation', 'reset');

create table herald_user (
    id uuid primary key,
    account_id uuid not null references account on delete cascade,
    -- As it was written.
    email text not null check (length(email) between 3 and 254),
    -- The same in lower case, by which it is found and unique whatever the database's locale.
    email_key text not null,
    name text not null default '' check (length(name) <= 200),
    role user_role not null,
    -- Argon2id in PHC form; null until the first password is set.
    password_hash text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_sign_in_at timestamptz,
    -- Since when nobody can sign in as this user.
    disabled_at timestamptz,
    unique (account_id, email_key)
);
create index herald_user_email on herald_user (email_key);

create table session (
    -- SHA-256 of the 256 random bits in the cookie.
    hash bytea primary key check (octet_length(hash) = 32),
    user_id uuid not null references herald_user on delete cascade,
    -- What a request that changes something must carry beside the cookie.
    csrf bytea not null check (octet_length(csrf) = 32),
    created_at timestamptz not null default now(),
    -- To the minute; a session unused for 12 hours is over.
    seen_at timestamptz not null default now(),
    -- However much it is used.
    expires_at timestamptz not null,
    user_agent text not null default '' check (length(user_agent) <= 200)
);
create index session_of_user on session (user_id, created_at);
create index session_expires on session (expires_at);

-- Single-use links. A used one stays until it would have expired, so that its second use can be
-- told from a wrong link.
create table user_link (
    hash bytea primary key check (octet_length(hash) = 32),
    user_id uuid not null references herald_user on delete cascade,
    purpose link_purpose not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index user_link_user on user_link (user_id);
create index user_link_expires on user_link (expires_at);

-- Tries of the last 15 minutes that did not succeed, by the hash of the e-mail and of the
-- network address. It outlives restarts, and rows out of their time are removed.
create table sign_in_attempt (
    key bytea primary key check (octet_length(key) = 32),
    tries integer not null check (tries > 0),
    since timestamptz not null default now()
);
create index sign_in_attempt_since on sign_in_attempt (since);
