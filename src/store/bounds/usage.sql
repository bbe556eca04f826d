-- What one account has of everything that is bounded. Each part is counted as in bounds.rs.
select
    (select count(*) from event_type
     where account_id = $1 and deleted_at is null and not builtin) as event_types,
    (select coalesce(sum(schema_bytes), 0)::bigint from event_type
     where account_id = $1 and deleted_at is null) as schema_bytes,
    (select count(*) from subscription
     where account_id = $1 and deleted_at is null) as subscriptions,
    (select count(*) from token
     where account_id = $1 and revoked_at is null) as tokens,
    (select count(*) from herald_user where account_id = $1) as users,
    (select count(*) from activity_type where account_id = $1) as activity_types,
    (select coalesce(sum(keys), 0)::bigint from idempotency_count
     where account_id = $1 and day = (now() at time zone 'utc')::date) as idempotency_keys
