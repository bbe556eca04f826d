//! Removing whole days of the logs (of the activity log and the mail log: months), and recording
//! what went with them.

use chrono::{Days, NaiveDate};
use diesel::sql_types::{BigInt, Date, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

use super::partition::{self, ACTIVITY, PartitionName, Today, lowest_id, next_month};
use super::statement::One;
use super::{Connection, Database, StoreError};

/// A day that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredDay {
    /// Which (UTC).
    pub day: NaiveDate,
    /// Its events.
    pub events: i64,
    /// Their targets.
    pub targets: i64,
    /// Deliveries that were still open.
    pub open_deliveries: i64,
}

#[derive(diesel::QueryableByName)]
struct RetiredTotals {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = BigInt)]
    targets: i64,
    #[diesel(sql_type = BigInt)]
    open_deliveries: i64,
}

/// Removes the days that ended more than `keep_days` days ago, oldest first, each in one
/// transaction: counted into `retired`, its open deliveries removed, its partitions dropped.
///
/// # Errors
/// When the database is away, or a table lock is not had within 5 s (try again later).
pub async fn retire(database: &Database, keep_days: u32) -> Result<Vec<RetiredDay>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let Today { today } = diesel::sql_query("select (now() at time zone 'utc')::date as today")
        .one(connection)
        .await?;
    let Some(oldest) = today.checked_sub_days(Days::new(u64::from(keep_days))) else {
        return Ok(Vec::new());
    };
    let found: Vec<PartitionName> = diesel::sql_query(
        "select c.relname::text as relname from pg_inherits i \
         join pg_class c on c.oid = i.inhrelid where i.inhparent = 'event'::regclass \
         order by 1",
    )
    .load(connection)
    .await?;
    let mut retired = Vec::new();
    for PartitionName { relname } in found {
        let day = relname
            .strip_prefix("event_")
            .and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
        if let Some(day) = day.filter(|day| *day < oldest) {
            retired.push(retire_day(connection, day).await?);
        }
    }
    Ok(retired)
}

async fn retire_day(connection: &mut Connection, day: NaiveDate) -> Result<RetiredDay, StoreError> {
    connection
        .transaction(async |connection: &mut Connection| {
            partition::lock(connection).await?;
            let event = partition::name("event", day);
            let totals: RetiredTotals = diesel::sql_query(format!(
                "with gone as ( \
                     delete from delivery where event_id >= $1 and event_id < $2 \
                     returning account_id \
                 ), open as ( \
                     select account_id, count(*) as rows from gone group by account_id \
                 ), stored as ( \
                     select account_id, count(*) as events, sum(cardinality(targets)) as targets \
                     from {event} where not test group by account_id \
                 ), noted as ( \
                     insert into retired (account_id, day, events, targets, open_deliveries) \
                     select account_id, $3, coalesce(s.events, 0), coalesce(s.targets, 0), \
                         coalesce(o.rows, 0) \
                     from stored s full join open o using (account_id) \
                     returning events, targets, open_deliveries \
                 ) \
                 select coalesce(sum(events), 0)::bigint as events, \
                     coalesce(sum(targets), 0)::bigint as targets, \
                     coalesce(sum(open_deliveries), 0)::bigint as open_deliveries from noted"
            ))
            .bind::<SqlUuid, _>(lowest_id(day))
            .bind::<SqlUuid, _>(lowest_id(day.checked_add_days(Days::new(1)).unwrap_or(day)))
            .bind::<Date, _>(day)
            .one(connection)
            .await?;
            for table in partition::TABLES {
                let name = partition::name(table, day);
                connection
                    .batch_execute(&format!(
                        "alter table {table} detach partition {name}; drop table {name};"
                    ))
                    .await?;
            }
            Ok(RetiredDay {
                day,
                events: totals.events,
                targets: totals.targets,
                open_deliveries: totals.open_deliveries,
            })
        })
        .await
}

/// Removes the months of the activity log that ended more than `keep_days` days ago, oldest
/// first, and the users of whom nothing is left. Returns the first day of each month. The audit
/// counts nothing of this: activities are no deliveries.
///
/// # Errors
/// As [`retire`].
pub async fn retire_activities(
    database: &Database,
    keep_days: u32,
) -> Result<Vec<NaiveDate>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let mut retired = Vec::new();
    for month in months_before(connection, ACTIVITY, keep_days).await? {
        connection
            .transaction(async |connection: &mut Connection| {
                drop_month(connection, &[ACTIVITY], month).await?;
                // A month later than its last row: a user who was noted just before midnight may
                // have a row just after it.
                diesel::sql_query("delete from activity_user where last_month < $1")
                    .bind::<Date, _>(month)
                    .execute(connection)
                    .await?;
                Ok::<_, StoreError>(())
            })
            .await?;
        retired.push(month);
    }
    Ok(retired)
}

/// Removes the months of the mail log that ended more than `keep_days` days ago, oldest first,
/// with their tries and with what of them still waits. Returns the first day of each month.
///
/// # Errors
/// As [`retire`].
pub async fn retire_mails(
    database: &Database,
    keep_days: u32,
) -> Result<Vec<NaiveDate>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let mut retired = Vec::new();
    for month in months_before(connection, "mail", keep_days).await? {
        connection
            .transaction(async |connection: &mut Connection| {
                drop_month(connection, &["mail", "mail_try"], month).await?;
                diesel::sql_query("delete from mail_due where mail_id < $1")
                    .bind::<SqlUuid, _>(lowest_id(next_month(month)))
                    .execute(connection)
                    .await?;
                Ok::<_, StoreError>(())
            })
            .await?;
        retired.push(month);
    }
    Ok(retired)
}

/// The months of a table that ended more than `keep_days` days ago, oldest first.
async fn months_before(
    connection: &mut Connection,
    table: &'static str,
    keep_days: u32,
) -> Result<Vec<NaiveDate>, StoreError> {
    let Today { today } = diesel::sql_query("select (now() at time zone 'utc')::date as today")
        .one(connection)
        .await?;
    let Some(oldest) = today.checked_sub_days(Days::new(u64::from(keep_days))) else {
        return Ok(Vec::new());
    };
    let found: Vec<PartitionName> = diesel::sql_query(format!(
        "select c.relname::text as relname from pg_inherits i \
         join pg_class c on c.oid = i.inhrelid where i.inhparent = '{table}'::regclass order by 1"
    ))
    .load(connection)
    .await?;
    let month = |found: PartitionName| {
        let text = found
            .relname
            .strip_prefix(table)?
            .strip_prefix('_')?
            .to_owned();
        NaiveDate::parse_from_str(&format!("{text}01"), "%Y%m%d").ok()
    };
    let months = found.into_iter().filter_map(month);
    Ok(months
        .filter(|month| next_month(*month) <= oldest)
        .collect())
}

async fn drop_month(
    connection: &mut Connection,
    tables: &[&str],
    month: NaiveDate,
) -> Result<(), StoreError> {
    partition::lock(connection).await?;
    for table in tables {
        let name = partition::month_name(table, month);
        connection
            .batch_execute(&format!(
                "alter table {table} detach partition {name}; drop table {name};"
            ))
            .await?;
    }
    Ok(())
}
