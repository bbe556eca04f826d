-- The idempotency keys of requests that made something other than events, and what they made.
create table made_key (
    -- The nil UUID: of what belongs to no account.
    account_id uuid not null,
    -- What was made: subscription, token, …
    kind text not null,
    key text not null check (length(key) between 1 and 255),
    body_hash bytea not null,
    -- Its id or name; of several, their ids.
    made text not null,
    at timestamptz not null default now(),
    primary key (account_id, kind, key)
);
create index made_key_at on made_key using brin (at);
