//! The partitions of the logs, cut by the time in a UUIDv7: a day of the event log and the
//! attempt log, a month of the activity log and of the mail log.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Date, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::statement::One;
use super::{Connection, Database, StoreError};

/// The tables that are partitioned by day.
pub(super) const TABLES: [&str; 2] = ["event", "attempt"];
/// The tables that are partitioned by month: they are small and kept for long, and a search of
/// them looks into every partition.
pub(super) const MONTHLY: [&str; 3] = [ACTIVITY, "mail", "mail_try"];
/// The table whose partitions refuse to be emptied.
pub(super) const ACTIVITY: &str = "activity";
/// Days for which partitions exist ahead.
const AHEAD: u64 = 3;
/// Days for which months exist ahead: longer than any month.
const MONTHS_AHEAD: u64 = 32;
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

/// The name of a monthly table's partition that holds a day.
pub(super) fn month_name(table: &str, day: NaiveDate) -> String {
    format!("{table}_{}", day.format("%Y%m"))
}

/// The first day of the month that holds a day.
pub(super) fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// The first day of the month after the one that holds a day.
pub(super) fn next_month(day: NaiveDate) -> NaiveDate {
    first_of_month(day)
        .checked_add_months(Months::new(1))
        .unwrap_or(day)
}

/// The day, by UTC.
#[derive(diesel::QueryableByName)]
pub(super) struct Today {
    #[diesel(sql_type = Date)]
    pub(super) today: NaiveDate,
}

/// A partition that there is.
#[derive(diesel::QueryableByName)]
pub(super) struct PartitionName {
    #[diesel(sql_type = Text)]
    pub(super) relname: String,
}

/// Makes the partitions from yesterday (clocks differ) to three days ahead, and to the next
/// month for the activity log and the mail log, where missing.
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
                    .one(connection)
                    .await?;
            let first = today.checked_sub_days(Days::new(1)).unwrap_or(today);
            let found: Vec<PartitionName> = diesel::sql_query(
                "select c.relname::text as relname from pg_inherits i \
                 join pg_class c on c.oid = i.inhrelid \
                 where i.inhparent in ('event'::regclass, 'attempt'::regclass, \
                     'activity'::regclass, 'mail'::regclass, 'mail_try'::regclass)",
            )
            .load(connection)
            .await?;
            let missing = |name: &str| !found.iter().any(|found| found.relname == name);
            for day in first.iter_days().take(AHEAD as usize + 2) {
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                for table in TABLES {
                    let name = name(table, day);
                    if missing(&name) {
                        create(connection, table, &name, day, next).await?;
                    }
                }
            }
            let last = today
                .checked_add_days(Days::new(MONTHS_AHEAD))
                .unwrap_or(today);
            let mut month = first_of_month(first);
            while month <= last {
                for table in MONTHLY {
                    let name = month_name(table, month);
                    if missing(&name) {
                        create(connection, table, &name, month, next_month(month)).await?;
                        if table == ACTIVITY {
                            guard(connection, &name).await?;
                        }
                    }
                }
                month = next_month(month);
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
    first: NaiveDate,
    next: NaiveDate,
) -> Result<(), StoreError> {
    let (from, to) = (lowest_id(first), lowest_id(next));
    connection
        .batch_execute(&format!(
            "create table if not exists {name} (like {table} including all);
             alter table {table} attach partition {name} for values from ('{from}') to ('{to}');"
        ))
        .await?;
    Ok(())
}

/// A partition of the activity log refuses to be emptied: the trigger of the whole table does
/// not apply to its partitions, as those for rows do.
async fn guard(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    connection
        .batch_execute(&format!(
            "create or replace trigger activity_is_never_emptied before truncate on {name} \
                 for each statement execute function activity_is_append_only()"
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
        assert_eq!(month_name("mail", day), "mail_202611");
        assert_eq!(next_month(day).to_string(), "2026-12-01");
        assert_eq!(next_month(next_month(day)).to_string(), "2027-01-01");
    }
}
