-- What an account uses of its bounds, so that each is known without reading what is counted.
-- Code that does not know these columns leaves them as they are: what it stores counts by its
-- bytes, which PostgreSQL counts itself.

-- Bytes of a type's schema as it is stored; the patterns of it, compiled.
alter table event_type add column schema_bytes integer
    generated always as (octet_length(schema::text)) stored;
alter table event_type add column pattern_bytes integer not null default 0;

-- Lists go by names in the order of their bytes, whatever the database's collation is.
create index event_type_by_name on event_type (account_id, name collate "C")
    where deleted_at is null;

-- Idempotency keys that were stored for an account on a day (UTC), raised by the statement that
-- stores them.
create table idempotency_count (
    account_id uuid not null references account on delete cascade,
    day date not null,
    keys bigint not null check (keys >= 0),
    primary key (account_id, day)
) with (fillfactor = 50);
