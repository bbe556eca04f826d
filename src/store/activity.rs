//! The activity log: appending within the transaction of whatever is recorded, and finding
//! things again.

use std::marker::PhantomData;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::fold::holding;
use super::partition::{first_of_month, lowest_id_at};
use super::schema::sql_types::ActivityActor;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{
    Actor, ActorKind, MOST_AHEAD, MOST_BEHIND, NewActivity, OwnActivity,
};
use crate::domain::id::{AccountId, ActivityId, MAIN_ACCOUNT, TokenId};

/// By how much the clocks of daemons and of the database may differ.
const CLOCKS: TimeDelta = TimeDelta::hours(1);
/// Up to so many users and kinds together are looked up one by one, each in every month.
const MOST_PROBES: usize = 500;
/// Up to so many are first looked up in the newest months alone.
const MOST_RECENT_PROBES: usize = 2_000;
/// The time in which they are looked up.
const RECENT: TimeDelta = TimeDelta::days(31);
/// Groups and activities of one account that are looked at, at most.
const MOST_KINDS: usize = 1_000;
/// Rows of a summary, at most.
pub const MOST_COUNTS: usize = 1_000;

statement! {
    /// A batch of activities.
    Append<'a>(
        accounts: Array<SqlUuid> = &'a [Uuid],
        at: Array<Nullable<Timestamptz>> = &'a [Option<DateTime<Utc>>],
        users: Array<Nullable<Text>> = &'a [Option<&'a str>],
        actors: Array<Text> = &'a [&'a str],
        actor_ids: Array<Nullable<Text>> = &'a [Option<&'a str>],
        tokens: Array<Nullable<SqlUuid>> = &'a [Option<Uuid>],
        groups: Array<Text> = &'a [&'a str],
        activities: Array<Text> = &'a [&'a str],
        subjects: Array<Nullable<Text>> = &'a [Option<&'a str>],
        payloads: Array<Nullable<Text>> = &'a [Option<&'a str>],
    ) -> (Array<SqlUuid>) from "activity_append.sql"
}

/// Appends one activity, within the caller's transaction if there is one: what is recorded and
/// its record are committed together or not at all.
///
/// What concerns the whole server (scripts, accounts) goes to the log of the account `main`.
///
/// # Errors
/// When the database is away.
pub async fn append(
    connection: &mut Connection,
    account: AccountId,
    activity: &NewActivity,
) -> Result<ActivityId, StoreError> {
    let ids = append_batch(connection, &[(account, activity)]).await?;
    let first = ids.into_iter().next();
    first.ok_or_else(|| StoreError::Unfit("an activity was stored without an id".to_owned()))
}

/// Notes one of Herald's own activities within the caller's transaction, as the last thing in it:
/// the list of users stays locked for a new user's name until the commit. No account: it
/// concerns the whole server, and goes to the log of the account `main`.
///
/// # Errors
/// When the database is away.
pub async fn note(
    connection: &mut Connection,
    account: Option<AccountId>,
    by: &Actor,
    what: OwnActivity,
    subject: impl Into<Option<String>>,
    payload: Option<Value>,
) -> Result<(), StoreError> {
    let activity = NewActivity::own(what, by, subject, payload.as_ref());
    append(connection, account.unwrap_or(MAIN_ACCOUNT), &activity).await?;
    Ok(())
}

/// Appends activities by one statement. Returns their ids, in the same order.
///
/// # Errors
/// [`StoreError::Away`]: outside of a transaction it is not known whether they were stored. Any
/// other error: none was.
pub async fn append_batch(
    connection: &mut Connection,
    batch: &[(AccountId, &NewActivity)],
) -> Result<Vec<ActivityId>, StoreError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    fn column<'a, T>(
        batch: &[(AccountId, &'a NewActivity)],
        read: impl Fn(&'a NewActivity) -> T,
    ) -> Vec<T> {
        batch.iter().map(|(_, one)| read(one)).collect()
    }
    let accounts: Vec<Uuid> = batch.iter().map(|(account, _)| account.uuid()).collect();
    let token = |one: &NewActivity| {
        let of_token = one.actor == ActorKind::Token && one.user.is_none();
        let id = one.actor_id.as_deref().filter(|_| of_token)?;
        Some(id.parse::<TokenId>().ok()?.uuid())
    };
    let statement = Append {
        accounts: &accounts,
        at: &column(batch, |one| one.at),
        users: &column(batch, |one| one.user.as_deref()),
        actors: &column(batch, |one| one.actor.as_str()),
        actor_ids: &column(batch, |one| one.actor_id.as_deref()),
        tokens: &column(batch, token),
        groups: &column(batch, |one| one.group.as_str()),
        activities: &column(batch, |one| one.activity.as_str()),
        subjects: &column(batch, |one| one.subject.as_deref()),
        payloads: &column(batch, |one| one.payload.as_deref()),
        life: PhantomData,
    };
    let (ids,): (Vec<Uuid>,) = statement.one(connection).await?;
    Ok(ids.into_iter().map(ActivityId::from_uuid).collect())
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Activity {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// When it was done.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// Who: an e-mail, a name or the title of a token; none: Herald itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub user: Option<String>,
    /// Who says so.
    #[diesel(sql_type = ActivityActor)]
    pub actor: ActorKind,
    /// The TypeID of the token or of the user of Herald.
    #[diesel(sql_type = Nullable<Text>)]
    pub actor_id: Option<String>,
    /// The heading.
    #[diesel(sql_type = Text)]
    pub group: String,
    /// What was done.
    #[diesel(sql_type = Text)]
    pub activity: String,
    /// What it was done to.
    #[diesel(sql_type = Nullable<Text>)]
    pub subject: Option<String>,
    /// JSON as it was given; read it by `payload()`, which masks what older code did not.
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) payload: Option<String>,
}

impl Activity {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ActivityId {
        ActivityId::from_uuid(self.id)
    }

    /// When it was recorded, to the millisecond.
    #[must_use]
    pub fn recorded_at(&self) -> DateTime<Utc> {
        let millis = i64::try_from(self.id.as_u128() >> 80).unwrap_or(0);
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

/// Which activities a list shows.
#[derive(Debug, Clone, Default)]
pub struct ActivityFilter {
    /// With this text in the user, upper and lower case alike.
    pub user: Option<String>,
    /// In this group.
    pub group: Option<String>,
    /// Of this name, in any group unless one is given.
    pub activity: Option<String>,
    /// Done at or after.
    pub from: Option<DateTime<Utc>>,
    /// Done before.
    pub to: Option<DateTime<Utc>>,
    /// Behind this place.
    pub before: Option<(DateTime<Utc>, ActivityId)>,
    /// At most so many.
    pub limit: i64,
}

#[derive(diesel::QueryableByName)]
struct LoggedUser {
    #[diesel(sql_type = Text)]
    user: String,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

#[derive(diesel::QueryableByName)]
struct LoggedKind {
    #[diesel(sql_type = Text)]
    group: String,
    #[diesel(sql_type = Text)]
    activity: String,
}

/// Activities of an account, those that were done last first.
///
/// First the users and the kinds that fit are looked up, of which there are few; then the newest
/// of each are read off an index and merged. So a search reads about as much as it shows,
/// whether its text fits one user in a million or all of them. Between these, some hundreds of
/// users that fit, the newest months are tried first; of more users than that the log, read in
/// its order, soon shows enough.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &ActivityFilter,
) -> Result<Vec<Activity>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let pattern = filter.user.as_deref().map(holding);
    let users = match &pattern {
        Some(pattern) => Some(users(connection, account, pattern, filter.from).await?),
        None => None,
    };
    let kinds = match (&filter.group, &filter.activity) {
        (None, None) => None,
        (Some(group), Some(activity)) => Some(vec![(group.clone(), activity.clone())]),
        (group, activity) => {
            let all = kinds(connection, account, group.as_deref()).await?;
            let fits = |kind: &LoggedKind| activity.as_ref().is_none_or(|it| *it == kind.activity);
            let fitting = all.into_iter().filter(fits);
            Some(fitting.map(|it| (it.group, it.activity)).collect())
        }
    };
    if users.as_ref().is_some_and(Vec::is_empty) || kinds.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let now = users
        .as_deref()
        .and_then(<[LoggedUser]>::first)
        .map(|user| user.now);
    let mut search = Search {
        account,
        pattern,
        users: users.map(|users| users.into_iter().map(|it| it.user).collect()),
        kinds,
    };
    let probes = search.probes();
    if let Some(now) = now.filter(|_| (MOST_PROBES + 1..=MOST_RECENT_PROBES).contains(&probes)) {
        let last = filter.before.map(|(at, _)| at).into_iter().chain(filter.to);
        let recent = last.min().unwrap_or(now).checked_sub_signed(RECENT);
        let recent = ActivityFilter {
            from: recent.into_iter().chain(filter.from).max(),
            ..filter.clone()
        };
        let found = search.run(connection, &recent).await?;
        if found.len() >= usize::try_from(filter.limit).unwrap_or(usize::MAX) {
            return Ok(found);
        }
    }
    if probes > MOST_PROBES {
        search.users = None;
    }
    search.run(connection, filter).await
}

/// One activity of an account.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    id: ActivityId,
) -> Result<Option<Activity>, StoreError> {
    Ok(diesel::sql_query(
        r#"select id, at, "user", actor, actor_id, "group", activity, subject, payload
           from activity where account_id = $1 and id = $2"#,
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(id.uuid())
    .one(&mut *database.get().await?)
    .await
    .optional()?)
}

/// What a list looks for, once the users and the kinds are known.
struct Search {
    account: AccountId,
    /// For `like`, if the users are not known.
    pattern: Option<String>,
    users: Option<Vec<String>>,
    kinds: Option<Vec<(String, String)>>,
}

impl Search {
    /// How many places of an index it looks at in each partition.
    fn probes(&self) -> usize {
        self.users.as_ref().map_or(1, Vec::len) * self.kinds.as_ref().map_or(1, Vec::len)
    }

    async fn run(
        &self,
        connection: &mut Connection,
        filter: &ActivityFilter,
    ) -> Result<Vec<Activity>, StoreError> {
        let mut sources = vec!["(select) as one"];
        let mut conditions = vec!["a.account_id = $1", "a.id >= $2", "a.id < $3"];
        if filter.from.is_some() {
            conditions.push("a.at >= $4");
        }
        if filter.to.is_some() {
            conditions.push("a.at < $5");
        }
        if filter.before.is_some() {
            conditions.push("(a.at, a.id) < ($6, $7)");
        }
        if self.users.is_some() {
            sources.push(r#"unnest($9) as u ("user")"#);
            conditions.push(r#"a."user" = u."user""#);
        } else if self.pattern.is_some() {
            conditions.push(r#"herald_fold(a."user") like herald_fold($12)"#);
        }
        if self.kinds.is_some() {
            sources.push(r#"unnest($10, $11) as k ("group", activity)"#);
            conditions.push(r#"a."group" = k."group" and a.activity = k.activity"#);
        }
        let statement = format!(
            r#"select n.id, n.at, n."user", n.actor, n.actor_id, n."group", n.activity,
                   n.subject, n.payload
               from {} cross join lateral (
                   select a.* from activity a where {} order by a.at desc, a.id desc limit $8
               ) n
               order by n.at desc, n.id desc limit $8"#,
            sources.join(" cross join "),
            conditions.join(" and "),
        );
        let kinds = self.kinds.as_deref().unwrap_or_default().iter();
        let (groups, activities): (Vec<&str>, Vec<&str>) = kinds
            .map(|(group, activity)| (group.as_str(), activity.as_str()))
            .unzip();
        let (before_at, before_id) = filter.before.unzip();
        let to = filter.to.into_iter().chain(before_at).min();
        let (low, high) = id_range(filter.from, to);
        Ok(diesel::sql_query(statement)
            .bind::<SqlUuid, _>(self.account.uuid())
            .bind::<SqlUuid, _>(low)
            .bind::<SqlUuid, _>(high)
            .bind::<Nullable<Timestamptz>, _>(filter.from)
            .bind::<Nullable<Timestamptz>, _>(filter.to)
            .bind::<Nullable<Timestamptz>, _>(before_at)
            .bind::<Nullable<SqlUuid>, _>(before_id.map(ActivityId::uuid))
            .bind::<BigInt, _>(filter.limit)
            .bind::<Array<Text>, _>(self.users.as_deref().unwrap_or_default())
            .bind::<Array<Text>, _>(groups)
            .bind::<Array<Text>, _>(activities)
            .bind::<Nullable<Text>, _>(self.pattern.as_deref())
            .load(connection)
            .await?)
    }
}

/// The ids that activities of a time can have, so that partitions of other months are left out.
fn id_range(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> (Uuid, Uuid) {
    let low = from.and_then(|at| at.checked_sub_signed(MOST_AHEAD + CLOCKS));
    let high = to.and_then(|at| at.checked_add_signed(MOST_BEHIND + CLOCKS));
    (
        low.map_or(Uuid::nil(), lowest_id_at),
        high.map_or(Uuid::max(), lowest_id_at),
    )
}

async fn users(
    connection: &mut Connection,
    account: AccountId,
    pattern: &str,
    from: Option<DateTime<Utc>>,
) -> Result<Vec<LoggedUser>, StoreError> {
    // Users of whom nothing was recorded since cannot be found.
    let since = from
        .and_then(|at| at.checked_sub_signed(MOST_AHEAD + CLOCKS))
        .map_or(DateTime::UNIX_EPOCH, |at| at.max(DateTime::UNIX_EPOCH));
    let since = first_of_month(since.date_naive());
    Ok(diesel::sql_query(
        r#"select "user", now() as now from activity_user
           where account_id = $1 and herald_fold("user") like herald_fold($2)
               and last_month >= $3 limit $4"#,
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Text, _>(pattern)
    .bind::<Date, _>(since)
    .bind::<BigInt, _>(count(MOST_RECENT_PROBES + 1))
    .load(connection)
    .await?)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The groups and activities that an account's log holds, by jumping from each to the next in
/// their index.
async fn kinds(
    connection: &mut Connection,
    account: AccountId,
    group: Option<&str>,
) -> Result<Vec<LoggedKind>, StoreError> {
    let (within, next) = match group {
        Some(_) => (r#"a."group" = $2"#, "a.activity > k.activity"),
        None => (
            "true",
            r#"(a."group", a.activity) > (k."group", k.activity)"#,
        ),
    };
    let statement = format!(
        r#"with recursive kinds as (
               (select a."group", a.activity from activity a
                where a.account_id = $1 and {within} order by a."group", a.activity limit 1)
               union all
               select n."group", n.activity from kinds k cross join lateral (
                   select a."group", a.activity from activity a
                   where a.account_id = $1 and {within} and {next}
                   order by a."group", a.activity limit 1) n
           )
           select "group", activity from kinds limit $3"#
    );
    Ok(diesel::sql_query(statement)
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Nullable<Text>, _>(group)
        .bind::<BigInt, _>(count(MOST_KINDS))
        .load(connection)
        .await?)
}

/// How much one user did in one group.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct ActivityCount {
    /// Who; none: Herald itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub user: Option<String>,
    /// In what.
    #[diesel(sql_type = Text)]
    pub group: String,
    /// How often.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    /// When last.
    #[diesel(sql_type = Timestamptz)]
    pub last_at: DateTime<Utc>,
}

/// Counts an account's activities of a time by user and group, the most active first, at most
/// [`MOST_COUNTS`] rows and one that shows that there are more. Reads the whole time.
///
/// # Errors
/// When the database is away.
pub async fn summary(
    database: &Database,
    account: AccountId,
    group: Option<&str>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<ActivityCount>, StoreError> {
    let (low, high) = id_range(Some(from), Some(to));
    let within = group.map_or("", |_| r#"and "group" = $6"#);
    Ok(diesel::sql_query(format!(
        r#"select "user", "group", count(*) as count, max(at) as last_at from activity
           where account_id = $1 and id >= $2 and id < $3 and at >= $4 and at < $5 {within}
           group by "user", "group" order by count desc, "user", "group" limit $7"#
    ))
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(low)
    .bind::<SqlUuid, _>(high)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(to)
    .bind::<Nullable<Text>, _>(group)
    .bind::<BigInt, _>(count(MOST_COUNTS + 1))
    .load(&mut database.get().await?)
    .await?)
}
