//! The queue of mails: putting one in within the transaction of whatever sends it, claiming what
//! is due, and recording what tries came to. The log of them is in [`super::mail_log`].

use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::lane::LaneId;
use super::made_key::{Kind, Making};
use super::record::DeliveryKey;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, MailId};
use crate::domain::mail::{Mailbox, NewMail, TryOutcome};

statement! {
    /// A batch of mails.
    Enqueue<'a>(
        accounts: Array<SqlUuid> = &'a [Uuid],
        topics: Array<Text> = &'a [&'a str],
        senders: Array<Text> = &'a [String],
        domains: Array<Text> = &'a [&'a str],
        receivers: Array<Text> = &'a [String],
        addresses: Array<Text> = &'a [String],
        reply_to: Array<Nullable<Text>> = &'a [Option<String>],
        subjects: Array<Text> = &'a [&'a str],
        texts: Array<Text> = &'a [&'a str],
        htmls: Array<Nullable<Text>> = &'a [Option<&'a str>],
        recorded: Array<Bool> = &'a [bool],
    ) -> (Array<SqlUuid>) from "mail/enqueue.sql"
}

statement! {
    /// A delivery that becomes a mail.
    HandOver<'a>(
        account: SqlUuid = Uuid,
        subscription: SqlUuid = Uuid,
        event: SqlUuid = Uuid,
        n: Integer = i32,
        topic: Text = &'a str,
        sender: Text = &'a str,
        domain: Text = &'a str,
        receivers: Text = &'a str,
        addresses: Text = &'a str,
        reply_to: Nullable<Text> = Option<&'a str>,
        subject: Text = &'a str,
        text: Text = &'a str,
        html: Nullable<Text> = Option<&'a str>,
        detail: Nullable<Text> = Option<&'a str>,
    ) -> (BigInt) from "mail/hand_over.sql"
}

statement! {
    /// What tries came to.
    Record<'a>(
        accounts: Array<SqlUuid> = &'a [Uuid],
        mails: Array<SqlUuid> = &'a [Uuid],
        n: Array<Integer> = &'a [i32],
        durations: Array<Integer> = &'a [i32],
        outcomes: Array<Text> = &'a [&'a str],
        replies: Array<Text> = &'a [&'a str],
        receivers: Array<Nullable<Text>> = &'a [Option<&'a str>],
        due_in: Array<Nullable<Double>> = &'a [Option<f64>],
        pending: Array<Nullable<Text>> = &'a [Option<String>],
        refused: Array<Bool> = &'a [bool],
        tried: Array<Bool> = &'a [bool],
        lane: Integer = i32,
    ) -> (BigInt) from "mail/record.sql"
}

/// Puts a mail into the queue, within the caller's transaction if there is one. Whoever commits
/// it wakes the mail log's actor, so that it is sent at once and not a second later.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(
    connection: &mut Connection,
    account: AccountId,
    mail: &NewMail,
    recorded: bool,
) -> Result<MailId, StoreError> {
    let ids = enqueue_batch(connection, &[(account, mail)], recorded).await?;
    let first = ids.into_iter().next();
    first.ok_or_else(|| StoreError::Unfit("a mail was stored without an id".to_owned()))
}

/// Puts mails into the queue by one statement; `recorded` ones were sent by the host application
/// and are only logged. Returns their ids, in the same order.
///
/// # Errors
/// [`StoreError::Away`]: outside of a transaction it is not known whether they were stored.
pub async fn enqueue_batch(
    connection: &mut Connection,
    batch: &[(AccountId, &NewMail)],
    recorded: bool,
) -> Result<Vec<MailId>, StoreError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    fn column<'a, T>(
        batch: &[(AccountId, &'a NewMail)],
        read: impl Fn(&'a NewMail) -> T,
    ) -> Vec<T> {
        batch.iter().map(|(_, mail)| read(mail)).collect()
    }
    let accounts: Vec<Uuid> = batch.iter().map(|(account, _)| account.uuid()).collect();
    let statement = Enqueue {
        accounts: &accounts,
        topics: &column(batch, |mail| mail.topic.as_str()),
        senders: &column(batch, |mail| mail.from.to_string()),
        domains: &column(batch, |mail| mail.from.domain()),
        receivers: &column(batch, |mail| lines(&mail.to, Mailbox::to_string)),
        addresses: &column(batch, |mail| lines(&mail.to, Mailbox::address)),
        reply_to: &column(batch, |mail| mail.reply_to.as_ref().map(Mailbox::to_string)),
        subjects: &column(batch, |mail| mail.subject.as_str()),
        texts: &column(batch, |mail| mail.text.as_str()),
        htmls: &column(batch, |mail| mail.html.as_deref()),
        recorded: &vec![recorded; batch.len()],
        life: PhantomData,
    };
    let (ids,): (Vec<Uuid>,) = statement.one(connection).await?;
    Ok(ids.into_iter().map(MailId::from_uuid).collect())
}

/// Takes a mail of the application, with the key of the request that it came by.
///
/// # Errors
/// When the database is away: it is not known whether it was stored.
pub async fn take(
    database: &Database,
    account: AccountId,
    mail: &NewMail,
    recorded: bool,
    making: Making<'_>,
) -> Result<MailId, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    if making.key.is_none() {
        return enqueue(connection, account, mail, recorded).await;
    }
    connection
        .transaction(async |connection: &mut Connection| {
            let id = enqueue(connection, account, mail, recorded).await?;
            let (owner, made, bounds) = (Some(account), id.to_string(), database.bounds());
            making
                .keep(connection, owner, Kind::Mail, &made, &bounds)
                .await?;
            Ok(id)
        })
        .await
}

fn lines(mailboxes: &[Mailbox], show: impl Fn(&Mailbox) -> String) -> String {
    let mut shown: Vec<String> = Vec::with_capacity(mailboxes.len());
    for mailbox in mailboxes {
        let text = show(mailbox);
        // A receiver who is listed twice gets it once.
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join("\n")
}

/// Hides what a mail says from readers of the log; it is forgotten once the mail ends. Within the
/// transaction that queued it.
///
/// # Errors
/// When the database is away.
pub(super) async fn make_confidential(
    connection: &mut Connection,
    account: AccountId,
    id: MailId,
) -> Result<(), StoreError> {
    diesel::sql_query("update mail set confidential = true where account_id = $1 and id = $2")
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<SqlUuid, _>(id.uuid())
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes a mail of a delivery that was claimed as try `n`: its row stays open, held by the mail,
/// until the mail ends. `detail` is JSON that its attempt will hold beside what became of the mail.
/// Returns whether it did; not if a later try claimed the row.
///
/// # Errors
/// When the database is away: it is not known whether it happened, and the row shows it. Do not
/// run it again; the claim runs out if it did not.
pub async fn hand_over(
    database: &Database,
    key: DeliveryKey,
    n: i32,
    mail: &NewMail,
    detail: Option<&str>,
) -> Result<bool, StoreError> {
    let reply_to = mail.reply_to.as_ref().map(Mailbox::to_string);
    let statement = HandOver {
        account: key.account.uuid(),
        subscription: key.subscription.uuid(),
        event: key.event.uuid(),
        n,
        topic: &mail.topic,
        sender: &mail.from.to_string(),
        domain: mail.from.domain(),
        receivers: &lines(&mail.to, Mailbox::to_string),
        addresses: &lines(&mail.to, Mailbox::address),
        reply_to: reply_to.as_deref(),
        subject: &mail.subject,
        text: &mail.text,
        html: mail.html.as_deref(),
        detail,
        life: PhantomData,
    };
    let (mails,): (i64,) = statement.one(&mut *database.get().await?).await?;
    Ok(mails == 1)
}

/// A mail that is this daemon's until the claim runs out.
#[derive(Debug, Clone, QueryableByName)]
pub struct ClaimedMail {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    mail_id: Uuid,
    /// The number of this try.
    #[diesel(sql_type = Integer)]
    pub n: i32,
    /// Tries that failed for now before this one.
    #[diesel(sql_type = Integer)]
    pub failures: i32,
    /// The addresses that are left.
    #[diesel(sql_type = Array<Text>)]
    pub pending: Vec<String>,
    /// Another receiver of it was refused for good.
    #[diesel(sql_type = Bool)]
    pub refused: bool,
    /// Who it is from.
    #[diesel(sql_type = Text)]
    pub sender: String,
    /// Who gets it, all of them.
    #[diesel(sql_type = Array<Text>)]
    pub receivers: Vec<String>,
    /// Where a reply goes.
    #[diesel(sql_type = Nullable<Text>)]
    pub reply_to: Option<String>,
    /// One line.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// As people read it.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// The same as HTML.
    #[diesel(sql_type = Nullable<Text>)]
    pub html: Option<String>,
    /// The value of `Message-ID`.
    #[diesel(sql_type = Text)]
    pub message_id: String,
    /// When it was queued.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// It is older than mails are tried.
    #[diesel(sql_type = Bool)]
    pub expired: bool,
    /// The delivery that it carries was cancelled meanwhile.
    #[diesel(sql_type = Bool)]
    pub orphaned: bool,
}

impl ClaimedMail {
    /// Whose it is.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        AccountId::from_uuid(self.account_id)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> MailId {
        MailId::from_uuid(self.mail_id)
    }
}

/// Claims up to `room` due mails for `hold` (the deadline of a try and more), in the name of the
/// daemon's lane.
///
/// # Errors
/// When the database is away; what was claimed then becomes due again after `hold`.
pub async fn claim(
    connection: &mut Connection,
    lane: LaneId,
    room: usize,
    hold: Duration,
) -> Result<Vec<ClaimedMail>, StoreError> {
    Ok(diesel::sql_query(include_str!("mail/claim.sql"))
        .bind::<BigInt, _>(i64::try_from(room).unwrap_or(i64::MAX))
        .bind::<Double, _>(hold.as_secs_f64())
        .bind::<Integer, _>(lane.0)
        .load(connection)
        .await?)
}

/// What one try came to.
#[derive(Debug, Clone, PartialEq)]
pub struct MailTry {
    /// Whose mail.
    pub account: AccountId,
    /// Which.
    pub mail: MailId,
    /// The number of the try.
    pub n: i32,
    /// How long it took.
    pub duration_ms: i32,
    /// What came of it.
    pub outcome: TryOutcome,
    /// What the server said, or what went wrong.
    pub reply: String,
    /// JSON: what it said of each receiver.
    pub receivers: Option<String>,
    /// When it is tried again, and for whom; none: it ends.
    pub again: Option<Again>,
    /// The server was asked; else it ends without a try.
    pub tried: bool,
}

/// Another try.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// After how long.
    pub due_in: Duration,
    /// The addresses that are left.
    pub pending: Vec<String>,
    /// A receiver was refused for good.
    pub refused: bool,
}

/// Records what tries came to, no mail twice; what ends a mail ends the delivery that it
/// carries, in the same statement. Safe to run again.
///
/// # Errors
/// When the database is away; it is then not known whether they were recorded: record them
/// again.
pub async fn record(
    connection: &mut Connection,
    lane: Option<LaneId>,
    tries: &[MailTry],
) -> Result<(), StoreError> {
    if tries.is_empty() {
        return Ok(());
    }
    fn column<'a, T>(tries: &'a [MailTry], read: impl Fn(&'a MailTry) -> T) -> Vec<T> {
        tries.iter().map(read).collect()
    }
    let again = |one: &MailTry| one.again.as_ref().map(|again| again.due_in.as_secs_f64());
    let pending = |one: &MailTry| one.again.as_ref().map(|again| again.pending.join("\n"));
    let statement = Record {
        accounts: &column(tries, |one| one.account.uuid()),
        mails: &column(tries, |one| one.mail.uuid()),
        n: &column(tries, |one| one.n),
        durations: &column(tries, |one| one.duration_ms),
        outcomes: &column(tries, |one| one.outcome.as_str()),
        replies: &column(tries, |one| one.reply.as_str()),
        receivers: &column(tries, |one| one.receivers.as_deref()),
        due_in: &column(tries, again),
        pending: &column(tries, pending),
        refused: &column(tries, |one| one.again.as_ref().is_some_and(|it| it.refused)),
        tried: &column(tries, |one| one.tried),
        lane: lane.map_or(0, |lane| lane.0),
        life: PhantomData,
    };
    let (_ended,): (i64,) = statement.one(connection).await?;
    Ok(())
}
