-- Rollups: what pages and charts read instead of counting over the logs.

-- The lane whose daemon recorded the attempt, so that its counts can be repaired when it died.
-- Null: counted by the statement that recorded it, or not at all by a version without counts.
alter table attempt add column lane integer;
-- Attempts are appended in the order of their times: repairing reads a few blocks of these.
create index attempt_at on attempt using brin (at) with (pages_per_range = 64, autosummarize = on);

alter table lane
    -- Everything that was counted in memory before this time stands in `stat`. Null: opened by a
    -- version that kept no counts.
    add column stats_at timestamptz,
    -- When its minutes were counted anew after its closing.
    add column stats_repaired_at timestamptz,
    -- Nothing is missing in `stat`, and nothing can come.
    add column stats_settled boolean not null default false;
create index lane_unsettled on lane (id) where stats_at is not null and not stats_settled;

-- Counts of each minute and each hour by lane: absolute values, raised once a second.
create table stat (
    account_id uuid not null,
    -- The nil UUID: the account as a whole.
    subscription_id uuid not null,
    -- Minutes that the row stands for: 1 or 60.
    grain smallint not null check (grain in (1, 60)),
    -- Where they begin.
    at timestamptz not null,
    -- 0: raised by the statement that recorded, for attempts that no daemon counts in memory.
    lane integer not null,
    -- Accepted; in rows of the whole account alone.
    events integer not null default 0,
    sent integer not null default 0,
    failed integer not null default 0,
    filtered integer not null default 0,
    cancelled integer not null default 0,
    retried integer not null default 0,
    -- How many targets answered within which time; see domain::tally. Zeros at the end are cut.
    latency integer[] not null default '{}',
    primary key (account_id, subscription_id, grain, at, lane)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- What the last audit of each account found; the nil UUID: of the whole server.
create table audit_result (
    account_id uuid primary key,
    as_of timestamptz not null,
    accepted bigint not null,
    targets bigint not null,
    sent bigint not null,
    failed bigint not null,
    filtered bigint not null,
    cancelled bigint not null,
    open bigint not null,
    in_flight bigint not null,
    lost bigint not null,
    "double" bigint not null,
    retired_events bigint not null,
    retired_targets bigint not null,
    retired_open bigint not null
);
