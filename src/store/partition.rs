//! The daily partitions of the event log and the attempt log, cut by the time in a UUIDv7.

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Date, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::{Connection, Database, StoreError};

/// The partitioned tables.
pub(super) const TABLES: [&str; 2] = ["event", "attempt"];
/// Days for which partitions exist ahead.
const AHEAD: u64 = 3;
/// The key of the advisory lock under which partitions are made and removed.
const LOCK: i64 = 0x4845_5241_4c44 + 1;

/// The lowest UUIDv7 of a day: what is below belongs to the days before.
#[must_use]
pub fn lowest_id(day: NaiveDate) -> Uuid {
    let millis = day
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
        .timestamp_millis();
    Uuid::from_u128(u128::from(u64::try_from(millis).unwrap_or(0)) << 80)
}

/// The lowest UUIDv7 of an instant.
#[must_use]
pub fn lowest_id_at(at: DateTime<Utc>) -> Uuid {
    Uuid::from_u128(u128::from(u64::try_from(at.timestamp_millis()).unwrap_or(0)) << 80)
}

/// The name of a table's partition for a day.
pub(super) fn name(table: &str, day: NaiveDate) -> String {
    format!("{table}_{}", day.format("%Y%m%d"))
}

#[derive(diesel::QueryableByName)]
struct Today {
    #[diesel(sql_type = Date)]
    today: NaiveDate,
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    relname: String,
}

/// Makes the partitions from yesterday (clocks differ) to three days ahead, where missing.
///
/// # Errors
/// When the database is away, or a lock is not had within 5 s.
pub async fn ensure(database: &Database) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            lock(connection).await?;
            let Today { today } =
                diesel::sql_query("select (now() at time zone 'utc')::date as today")
                    .get_result(connection)
                    .await?;
            let first = today.checked_sub_days(Days::new(1)).unwrap_or(today);
            let found: Vec<Found> = diesel::sql_query(
                "select c.relname::text as relname from pg_inherits i \
                 join pg_class c on c.oid = i.inhrelid \
                 where i.inhparent in ('event'::regclass, 'attempt'::regclass)",
            )
            .load(connection)
            .await?;
            for day in first.iter_days().take(AHEAD as usize + 2) {
                for table in TABLES {
                    let name = name(table, day);
                    if !found.iter().any(|found| found.relname == name) {
                        create(connection, table, &name, day).await?;
                    }
                }
            }
            Ok(())
        })
        .await
}

/// Attaching takes a weaker lock than `create … partition of`: writers go on meanwhile.
async fn create(
    connection: &mut Connection,
    table: &str,
    name: &str,
    day: NaiveDate,
) -> Result<(), StoreError> {
    let from = lowest_id(day);
    let to = lowest_id(day.checked_add_days(Days::new(1)).unwrap_or(day));
    connection
        .batch_execute(&format!(
            "create table if not exists {name} (like {table} including all);
             alter table {table} attach partition {name} for values from ('{from}') to ('{to}');"
        ))
        .await?;
    Ok(())
}

/// Serialises everybody who changes partitions, and bounds the wait for their table locks.
pub(super) async fn lock(connection: &mut Connection) -> Result<(), StoreError> {
    connection
        .batch_execute("set local lock_timeout = '5s'")
        .await?;
    diesel::sql_query("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_lowest_id_is_below_every_id_of_that_day_and_above_the_day_before() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let at = |text: &str| {
            let at: DateTime<Utc> = text.parse().unwrap();
            let seconds = u64::try_from(at.timestamp()).unwrap();
            let nanos = at.timestamp_subsec_nanos();
            Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
        };
        assert!(lowest_id(day) <= at("2026-11-22T00:00:00Z"));
        assert!(lowest_id(day) > at("2026-11-21T23:59:59.999Z"));
        assert_eq!(name("event", day), "event_20261122");
    }
}
