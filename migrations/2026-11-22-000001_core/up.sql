-- The core: accounts, tokens, the catalogue's own types, subscriptions, lanes, the event log,
-- the attempt log and the spill table. account_id leads every key of the logs, so that tenants
-- can be spread over servers later. The hot path has no foreign keys.

create type token_role as enum ('publisher', 'viewer', 'admin');
create type subscription_state as enum ('enabled', 'paused', 'disabled');
create type validation_mode as enum ('off', 'warn', 'reject');
create type delivery_origin as enum ('first', 'resend', 'replay', 'test');
create type attempt_outcome as enum
    ('sent', 'failed', 'filtered', 'cancelled', 'retry', 'superseded');

create table account (
    id uuid primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz not null default now()
);
insert into account (id, name) values ('00000000-0000-7000-8000-000000000001', 'main');

create table token (
    id uuid primary key,
    -- Null: operator-wide, it names its account with each request.
    account_id uuid references account on delete cascade,
    role token_role not null,
    title text not null,
    -- SHA-256 of the whole token text; the text itself is shown once and kept nowhere.
    hash bytea not null unique check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- One row. Every change of subscriptions or event types bumps it in its own transaction;
-- the ingest statement shares a lock on it, so that "targets fixed at commit" is exact.
create table routing (
    one boolean primary key default true check (one),
    version bigint not null
);
insert into routing (version) values (1);

-- Own event types, and changes of the validation of built-in ones (builtin = true).
create table event_type (
    account_id uuid not null references account on delete cascade,
    name text not null check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
    builtin boolean not null default false,
    "group" text not null default '',
    title text not null default '',
    description text not null default '',
    schema json,
    example json,
    validation validation_mode,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    version bigint not null,
    primary key (account_id, name)
);
create index event_type_version on event_type (version);

create table subscription (
    id uuid primary key,
    account_id uuid not null references account on delete cascade,
    title text not null check (title <> ''),
    url text not null,
    triggers text[] not null check (cardinality(triggers) between 1 and 100),
    state subscription_state not null,
    -- Why Herald itself disabled it, in words for people; null otherwise.
    disabled_reason text,
    plugin text,
    headers jsonb not null default '{}',
    max_in_flight integer not null check (max_in_flight between 1 and 256),
    timeout_seconds integer not null check (timeout_seconds between 1 and 60),
    retry_schedule integer[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- A tombstone: what is still open becomes cancelled, the log keeps its title.
    deleted_at timestamptz,
    -- The routing version of its last change: daemons fetch what is above the one they know.
    version bigint not null
);
create index subscription_version on subscription (version);
create index subscription_listing on subscription (account_id, created_at, id);

-- The signing secrets of a subscription: one without an end, others only while they overlap.
create table subscription_secret (
    subscription_id uuid not null references subscription on delete cascade,
    id uuid not null,
    key bytea not null check (octet_length(key) between 16 and 64),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    primary key (subscription_id, id)
);
create unique index subscription_secret_current on subscription_secret (subscription_id)
    where expires_at is null;

-- One row for each run of a daemon (and each new start within a run). Intake's low-water mark:
-- every event of the lane below it has for each of its targets an attempt or a delivery row.
create table lane (
    id integer generated always as identity primary key,
    -- The data folder that the daemon locks: who holds the lock closes its old lanes at once.
    folder uuid not null,
    opened_at timestamptz not null default now(),
    lease_until timestamptz not null,
    low_water uuid not null,
    closed_at timestamptz
);
create index lane_open on lane (id) where closed_at is null;

-- The event log, partitioned by the day in its UUIDv7. The daemon makes the partitions.
create table event (
    account_id uuid not null,
    id uuid not null,
    received_at timestamptz not null default now(),
    lane integer not null,
    -- A subscription is being tried out: the audit leaves it out.
    test boolean not null default false,
    type text not null,
    -- The subscriptions that matched at the commit.
    targets uuid[] not null,
    -- The bytes as published.
    payload bytea not null,
    -- Where the payload does not fit its schema: a JSON array of {pointer, detail}.
    warnings text,
    primary key (account_id, id)
) partition by range (id);
create index event_by_type on event (account_id, type, id);

-- The attempt log: one row for each try, partitioned as the event log.
create table attempt (
    account_id uuid not null,
    subscription_id uuid not null,
    event_id uuid not null,
    n integer not null check (n > 0),
    duration_ms integer not null,
    at timestamptz not null default now(),
    outcome attempt_outcome not null,
    origin delivery_origin not null,
    status smallint,
    -- JSON: error, phases, response head and excerpt. Text, because nothing queries inside it.
    detail text,
    primary key (account_id, subscription_id, event_id, n)
) partition by range (event_id);
create index attempt_not_sent on attempt (account_id, event_id) where outcome <> 'sent';

-- The spill table: deliveries that could not end at once.
create table delivery (
    account_id uuid not null,
    subscription_id uuid not null,
    event_id uuid not null,
    due_at timestamptz not null,
    -- For ordered subscriptions.
    seq bigint,
    -- Numbers the tries and fences them: a claim raises it.
    n integer not null check (n >= 0),
    -- n before the round began.
    base integer not null check (base >= 0 and base <= n),
    -- Failed attempts of this round: the place in the schedule.
    failures integer not null check (failures >= 0),
    origin delivery_origin not null,
    -- The lane of the daemon that claimed it, until its attempt is recorded: when that daemon
    -- dies, its claims need not run out.
    claim_lane integer,
    primary key (account_id, subscription_id, event_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index delivery_due on delivery (subscription_id, due_at);
create index delivery_claimed on delivery (claim_lane) where claim_lane is not null;

create table idempotency (
    account_id uuid not null,
    key text not null check (length(key) between 1 and 300),
    body_hash bytea not null,
    event_id uuid not null,
    at timestamptz not null default now(),
    primary key (account_id, key)
);
create index idempotency_at on idempotency using brin (at);

-- Counts of a subscription's attempts by the lane that recorded them, raised in the same
-- statement as the attempts, so that they are exact after any crash.
create table subscription_count (
    subscription_id uuid not null,
    lane integer not null,
    sent bigint not null default 0,
    failed bigint not null default 0,
    filtered bigint not null default 0,
    cancelled bigint not null default 0,
    retried bigint not null default 0,
    last_outcome attempt_outcome not null,
    last_attempt_at timestamptz not null default now(),
    primary key (subscription_id, lane)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- What retention removed, so that the audit can still tell lost from aged.
create table retired (
    account_id uuid not null,
    day date not null,
    events bigint not null,
    targets bigint not null,
    open_deliveries bigint not null,
    at timestamptz not null default now(),
    primary key (account_id, day)
);
