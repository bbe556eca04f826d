//! Notices to an account's admins: each change of a state since the last notice becomes one mail to
//! each of them, in the same transaction as the note that it was reported.
//!
//! Everything is derived from tables, under one lock, so that only one of several daemons reports,
//! and nothing is reported twice after a crash.

use std::time::Duration;

use diesel::sql_types::{BigInt, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::outgoing::{self, Handed, OutgoingMail};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::email::Email;
use crate::domain::id::{AccountId, EventId, MAIN_ACCOUNT, MailId, SubscriptionId};

/// The key of the advisory lock.
const LOCK: i64 = 0x4845_5241_4c44 + 2;
/// Changes that are reported in one go.
const BATCH: i64 = 100;
/// Mails that were given up are reported together, at most so often.
const GIVEN_UP_EVERY: &str = "1 hour";
/// Bytes of a payload that a notice holds.
const PAYLOAD: i64 = 4_096;

/// Reports what changed. Returns how many mails were queued.
///
/// # Errors
/// When the database is away; nothing is reported then.
pub async fn report(database: &Database, failing_for: Duration) -> Result<usize, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let got: Got = diesel::sql_query("select pg_try_advisory_xact_lock($1) as got")
                .bind::<BigInt, _>(LOCK)
                .one(connection)
                .await?;
            if !got.got {
                return Ok(0);
            }
            let mut mails = targets(connection, failing_for).await?;
            mails += plugins(connection).await?;
            mails += suspensions(connection).await?;
            mails += given_up(connection).await?;
            Ok(mails)
        })
        .await
}

#[derive(diesel::QueryableByName)]
struct Got {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    got: bool,
}

#[derive(diesel::QueryableByName)]
struct TargetRow {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>, column_name = told)]
    reported: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Targets that fail for a while, answer again, or were disabled by Herald. A target that is
/// looked at for the first time is `ok` until it is not.
async fn targets(connection: &mut Connection, failing_for: Duration) -> Result<usize, StoreError> {
    let changed: Vec<TargetRow> = diesel::sql_query(include_str!("notice_targets.sql"))
        .bind::<Double, _>(failing_for.as_secs_f64())
        .bind::<BigInt, _>(BATCH)
        .load(connection)
        .await?;
    let mut mails = 0;
    for row in changed {
        let account = AccountId::from_uuid(row.account_id);
        let id = SubscriptionId::from_uuid(row.id);
        note(
            connection,
            account,
            "target",
            &row.id.to_string(),
            &row.state,
        )
        .await?;
        let (title, was_failing) = (&row.title, row.reported.as_deref() == Some("failing"));
        let letter = match row.state.as_str() {
            "failing" => Some((
                "Target Failing",
                format!("{title}: deliveries are failing"),
                last_failure(connection, account, id, title).await?,
            )),
            "disabled" => Some((
                "Subscription Disabled",
                format!("{title} was disabled"),
                format!(
                    "Herald disabled the subscription {title} ({id}).\n\n{}\n\nIt matches nothing \
                     new until somebody enables it; what it held stays held.\n",
                    row.reason.unwrap_or_default()
                ),
            )),
            "paused" => Some((
                "Subscription Paused",
                format!("{title} was paused"),
                format!(
                    "Herald paused the subscription {title} ({id}).\n\n{}\n\nIt goes on to match \
                     events; their deliveries are held until somebody resumes it.\n",
                    row.reason.unwrap_or_default()
                ),
            )),
            _ if was_failing => Some((
                "Target Recovered",
                format!("{title}: deliveries arrive again"),
                format!("The target of {title} ({id}) takes deliveries again.\n"),
            )),
            _ => None,
        };
        if let Some((topic, subject, text)) = letter {
            mails += to_admins(connection, account, topic, &subject, &text).await?;
        }
    }
    Ok(mails)
}

#[derive(diesel::QueryableByName)]
struct FailureRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    error: String,
    #[diesel(sql_type = diesel::sql_types::Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// The last failure of a subscription as text, with its event's payload.
async fn last_failure(
    connection: &mut Connection,
    account: AccountId,
    id: SubscriptionId,
    title: &str,
) -> Result<String, StoreError> {
    let failures: Vec<FailureRow> = diesel::sql_query(
        "select e.id as event_id, e.type as event_type, \
             coalesce(a.detail::json ->> 'error', 'no reason is known') as error, \
             substring(e.payload from 1 for $3::int) as payload, \
             octet_length(e.payload)::bigint as bytes \
         from (select event_id, detail from attempt \
               where account_id = $1 and subscription_id = $2 and outcome in ('retry', 'failed') \
               order by event_id desc, n desc limit 1) a \
         join event e on e.account_id = $1 and e.id = a.event_id",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(id.uuid())
    .bind::<BigInt, _>(PAYLOAD)
    .load(connection)
    .await?;
    let intro = format!("Deliveries of the subscription {title} ({id}) have been failing.");
    let rest = "They are tried again by its schedule; nothing is lost meanwhile.";
    let Some(last) = failures.into_iter().next() else {
        return Ok(format!("{intro}\n\n{rest}\n"));
    };
    let cut = if last.bytes > PAYLOAD {
        " (its beginning)"
    } else {
        ""
    };
    Ok(format!(
        "{intro}\n\nLast event: {} ({})\nError: {}\n\n{rest}\n\nPayload{cut}:\n{}\n",
        last.event_type,
        EventId::from_uuid(last.event_id),
        last.error,
        String::from_utf8_lossy(&last.payload),
    ))
}

#[derive(diesel::QueryableByName)]
struct PluginRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Scripts that broke, that a daemon which knew no accounts suspended, or that work again. They
/// are the operator's: the admins of the account `main` get the notice.
async fn plugins(connection: &mut Connection) -> Result<usize, StoreError> {
    let changed: Vec<PluginRow> = diesel::sql_query(
        "select s.name, s.state, s.reason from ( \
             select coalesce(p.name, n.subject) as name, n.told, \
                 case when p.suspended_at is not null then 'suspended' \
                     when p.broken is not null then 'broken' else 'ok' end as state, \
                 coalesce(p.reason, p.broken) as reason \
             from plugin_state p full join ( \
                 select subject, told from notice where account_id = $1 and kind = 'plugin' \
             ) n on n.subject = p.name \
         ) s where s.state <> coalesce(s.told, 'ok') order by s.name limit $2",
    )
    .bind::<SqlUuid, _>(MAIN_ACCOUNT.uuid())
    .bind::<BigInt, _>(BATCH)
    .load(connection)
    .await?;
    let mut mails = 0;
    for PluginRow {
        name,
        state,
        reason,
    } in changed
    {
        note(connection, MAIN_ACCOUNT, "plugin", &name, &state).await?;
        let reason = reason.unwrap_or_default();
        let (topic, subject, text) = match state.as_str() {
            "suspended" => (
                "Plugin Suspended",
                format!("The plugin {name} is suspended"),
                format!("{reason}\n\nDeliveries that need it are held until its file changes.\n"),
            ),
            "broken" => (
                "Plugin Broken",
                format!("The plugin {name} is broken"),
                format!("{reason}\n\nThe last version that worked, if any, stays at work.\n"),
            ),
            _ => (
                "Plugin Recovered",
                format!("The plugin {name} works again"),
                format!("The plugin {name} works again, or is gone.\n"),
            ),
        };
        mails += to_admins(connection, MAIN_ACCOUNT, topic, &subject, &text).await?;
    }
    Ok(mails)
}

#[derive(diesel::QueryableByName)]
struct SuspensionRow {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    suspended: bool,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    accounts: Option<String>,
}

/// Scripts that are suspended for an account, or are not any more: the account's admins get a
/// notice, and those of `main` one for each script.
async fn suspensions(connection: &mut Connection) -> Result<usize, StoreError> {
    let changed: Vec<SuspensionRow> = diesel::sql_query(include_str!("notice_suspended.sql"))
        .bind::<SqlUuid, _>(MAIN_ACCOUNT.uuid())
        .bind::<BigInt, _>(BATCH)
        .load(connection)
        .await?;
    let mut mails = 0;
    for row in changed {
        let (account, name) = (AccountId::from_uuid(row.account_id), &row.name);
        let (topic, subject, text) = if row.suspended {
            note(connection, account, "suspension", name, "suspended").await?;
            let accounts = row.accounts.map(|names| format!("\n\nAccounts: {names}"));
            (
                "Plugin Suspended",
                format!("The plugin {name} is suspended"),
                format!(
                    "{}\n\nDeliveries that need it are held until its file changes.{}\n",
                    row.reason.unwrap_or_default(),
                    accounts.unwrap_or_default()
                ),
            )
        } else {
            diesel::sql_query(
                "delete from notice where account_id = $1 and kind = 'suspension' and subject = $2",
            )
            .bind::<SqlUuid, _>(row.account_id)
            .bind::<Text, _>(name)
            .execute(connection)
            .await?;
            (
                "Plugin Recovered",
                format!("The plugin {name} works again"),
                format!("The plugin {name} works again, or is gone.\n"),
            )
        };
        mails += to_admins(connection, account, topic, &subject, &text).await?;
    }
    Ok(mails)
}

#[derive(diesel::QueryableByName)]
struct GivenUpRow {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Text)]
    list: String,
}

/// Mails that were given up, reported together: of thousands that a server refuses, one mail an
/// hour. Notices themselves are not among them.
async fn given_up(connection: &mut Connection) -> Result<usize, StoreError> {
    let accounts: Vec<GivenUpRow> = diesel::sql_query(format!(
        "with due as ( \
             select account_id from notice n where kind = 'mail' and told = 'given up' \
                 and not exists (select from notice t where t.account_id = n.account_id \
                     and t.kind = 'mails' and t.at > now() - interval '{GIVEN_UP_EVERY}') \
             group by account_id limit $1 \
         ), gone as ( \
             delete from notice n using due d \
             where n.account_id = d.account_id and n.kind = 'mail' and n.told = 'given up' \
             returning n.account_id, n.subject::uuid as id \
         ), numbered as ( \
             select g.account_id, g.id, row_number() over (partition by g.account_id order by g.id) as n, \
                 count(*) over (partition by g.account_id) as number from gone g \
         ) \
         select n.account_id, max(n.number) as number, \
             string_agg(m.id::text || E'\\t' || m.subject || E'\\t' || array_to_string(m.receivers, ', ') \
                 || E'\\t' || coalesce(m.reply, ''), E'\\n' order by n.n) as list \
         from numbered n join mail m on m.account_id = n.account_id and m.id = n.id \
         where n.n <= 20 group by n.account_id"
    ))
    .bind::<BigInt, _>(BATCH)
    .load(connection)
    .await?;
    let mut mails = 0;
    for row in accounts {
        let account = AccountId::from_uuid(row.account_id);
        note(connection, account, "mails", "", "given up").await?;
        let mut text = String::from("Mails that could not be sent and are not tried again:\n\n");
        for line in row.list.lines() {
            let mut parts = line.splitn(4, '\t');
            let mut part = || parts.next().unwrap_or_default();
            let id = part().parse().map(MailId::from_uuid);
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            text.push_str(&format!(
                "{id}\n  {}\n  to {}\n  {}\n\n",
                part(),
                part(),
                part()
            ));
        }
        if row.number > 20 {
            text.push_str(&format!("and {} more.\n", row.number - 20));
        }
        let subject = match row.number {
            1 => "A mail was given up".to_owned(),
            number => format!("{number} mails were given up"),
        };
        mails += to_admins(connection, account, "Mail Given Up", &subject, &text).await?;
    }
    Ok(mails)
}

async fn note(
    connection: &mut Connection,
    account: AccountId,
    kind: &str,
    subject: &str,
    reported: &str,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "insert into notice (account_id, kind, subject, told) values ($1, $2, $3, $4) \
         on conflict (account_id, kind, subject) do update set told = excluded.told, at = now()",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Text, _>(kind)
    .bind::<Text, _>(subject)
    .bind::<Text, _>(reported)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(diesel::QueryableByName)]
struct Admin {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    name: String,
}

/// Queues a mail to each admin of an account. Returns how many.
pub(super) async fn to_admins(
    connection: &mut Connection,
    account: AccountId,
    topic: &'static str,
    subject: &str,
    text: &str,
) -> Result<usize, StoreError> {
    let admins: Vec<Admin> = diesel::sql_query(
        "select email, name from herald_user \
         where account_id = $1 and role = 'admin' and disabled_at is null order by email_key",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .load(connection)
    .await?;
    let mut mails = 0;
    for admin in admins {
        let mail = OutgoingMail {
            topic,
            to: Email::stored(admin.email),
            to_name: admin.name,
            subject: subject.to_owned(),
            text: text.to_owned(),
            confidential: false,
        };
        let handed = outgoing::hand_over(connection, account, &mail).await?;
        mails += usize::from(handed == Handed::Queued);
    }
    Ok(mails)
}
