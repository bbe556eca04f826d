-- Browsers in which a user signed in before: what others try in vain does not shut them out.
-- Older daemons do not know this table.
create table known_browser (
    -- SHA-256 of the 256 random bits in the browser's cookie.
    hash bytea not null check (octet_length(hash) = 32),
    user_id uuid not null references herald_user on delete cascade,
    -- The last sign-in there.
    seen_at timestamptz not null default now(),
    primary key (hash, user_id)
);
create index known_browser_of_user on known_browser (user_id, seen_at);
create index known_browser_seen on known_browser (seen_at);
