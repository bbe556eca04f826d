//! Finding mails again: by a part of a receiver, sender or subject, by topic, state and time.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::fold::holding;
use super::partition::{PartitionName, lowest_id, lowest_id_at, next_month};
use super::schema::sql_types;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, EventId, MailId, SubscriptionId};
use crate::domain::mail::{MailState, TryOutcome};

/// The newest mails of a month that are searched before its index is used: what many mails hold is
/// found among them at once, and what few hold is cheap in the index.
const LOOK_AT: i64 = 5_000;
/// Months, the newest first, of which this is done: what many mails hold is found there.
const LOOK_INTO: usize = 2;

/// A mail of the log, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LoggedMail {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// What it is about.
    #[diesel(sql_type = Text)]
    pub topic: String,
    /// Its state.
    #[diesel(sql_type = sql_types::MailState)]
    pub state: MailState,
    /// Who it is from.
    #[diesel(sql_type = Text)]
    pub sender: String,
    /// Who gets it.
    #[diesel(sql_type = Array<Text>)]
    pub receivers: Vec<String>,
    /// One line.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// The host application sent it itself.
    #[diesel(sql_type = Bool)]
    pub recorded: bool,
    /// Tries so far.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// What the mail server said last.
    #[diesel(sql_type = Nullable<Text>)]
    pub reply: Option<String>,
    /// When it was queued or recorded.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When the mail server took it.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub sent_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    subscription_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    event_id: Option<Uuid>,
}

impl LoggedMail {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> MailId {
        MailId::from_uuid(self.id)
    }

    /// The delivery that it carries.
    #[must_use]
    pub fn delivery(&self) -> Option<(EventId, SubscriptionId)> {
        let (event, subscription) = self.event_id.zip(self.subscription_id)?;
        Some((
            EventId::from_uuid(event),
            SubscriptionId::from_uuid(subscription),
        ))
    }
}

const COLUMNS: &str = "m.id, m.topic, m.state, m.sender, m.receivers, m.subject, m.recorded, \
                       m.attempts, m.reply, m.created_at, m.sent_at, m.subscription_id, m.event_id";

/// Which mails a list shows.
#[derive(Debug, Clone, Default)]
pub struct MailFilter {
    /// With this text in the sender, a receiver or the subject, upper and lower case alike.
    pub q: Option<String>,
    /// About this.
    pub topic: Option<String>,
    /// In this state.
    pub state: Option<MailState>,
    /// Queued at or after.
    pub from: Option<DateTime<Utc>>,
    /// Queued before.
    pub to: Option<DateTime<Utc>>,
    /// Older than this one.
    pub before: Option<MailId>,
    /// At most so many.
    pub limit: i64,
}

#[derive(QueryableByName)]
struct Topic {
    #[diesel(sql_type = Text)]
    topic: String,
}

/// Mails of an account, newest first.
///
/// Without words, an index in the order of the list is read. With words, month after month,
/// the newest first: what many mails hold is found among the month's newest, what few hold by
/// the index of their words; so a search reads about as much as it shows, whether its words fit
/// one mail in a million or all of them.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &MailFilter,
) -> Result<Vec<LoggedMail>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let low = filter.from.map_or(Uuid::nil(), lowest_id_at);
    let high = filter.to.map_or(Uuid::max(), lowest_id_at);
    let high = filter.before.map_or(high, |before| high.min(before.uuid()));
    let wanted = Wanted {
        account,
        filter,
        pattern: filter.q.as_deref().map(holding),
    };
    if wanted.pattern.is_none() {
        return wanted.newest(connection, &(low..high), filter.limit).await;
    }
    let mut found: Vec<LoggedMail> = Vec::new();
    let mut looked = 0;
    for month in months(connection).await?.into_iter().rev() {
        let range = month.start.max(low)..month.end.min(high);
        if range.start >= range.end {
            continue;
        }
        looked += 1;
        let left = filter.limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
        // The newest month may have begun today.
        let look = if looked <= LOOK_INTO {
            wanted.among_newest(connection, &range, left).await?
        } else {
            Vec::new()
        };
        let enough = i64::try_from(look.len()).is_ok_and(|number| number >= left);
        found.extend(if enough {
            look
        } else {
            wanted.by_words(connection, &range, left).await?
        });
        if i64::try_from(found.len()).is_ok_and(|number| number >= filter.limit) {
            break;
        }
    }
    Ok(found)
}

/// The topics of an account's mails in their order, at most `limit`: by jumping from each to the
/// next in their index.
///
/// # Errors
/// When the database is away.
pub async fn topics(
    database: &Database,
    account: AccountId,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<Topic> = diesel::sql_query(
        "with recursive topics as ( \
             (select m.topic from mail m where m.account_id = $1 order by m.topic limit 1) \
             union all \
             select n.topic from topics t cross join lateral ( \
                 select m.topic from mail m where m.account_id = $1 and m.topic > t.topic \
                 order by m.topic limit 1) n \
         ) select topic from topics limit $2",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<BigInt, _>(limit)
    .load(&mut database.get().await?)
    .await?;
    Ok(rows.into_iter().map(|row| row.topic).collect())
}

/// The months of which there are mails, oldest first, as the ids that they hold.
async fn months(connection: &mut Connection) -> Result<Vec<Range<Uuid>>, StoreError> {
    let found: Vec<PartitionName> = diesel::sql_query(
        "select c.relname::text as relname from pg_inherits i \
         join pg_class c on c.oid = i.inhrelid where i.inhparent = 'mail'::regclass order by 1",
    )
    .load(connection)
    .await?;
    let month = |found: PartitionName| {
        let text = format!("{}01", found.relname.strip_prefix("mail_")?);
        let first = NaiveDate::parse_from_str(&text, "%Y%m%d").ok()?;
        Some(lowest_id(first)..lowest_id(next_month(first)))
    };
    Ok(found.into_iter().filter_map(month).collect())
}

struct Wanted<'a> {
    account: AccountId,
    filter: &'a MailFilter,
    pattern: Option<String>,
}

impl Wanted<'_> {
    /// The newest within a range, whatever their words.
    async fn newest(
        &self,
        connection: &mut Connection,
        range: &Range<Uuid>,
        limit: i64,
    ) -> Result<Vec<LoggedMail>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from ({}) m order by m.id desc limit $6",
            self.source()
        );
        self.load(connection, sql, range, limit).await
    }

    /// Those among the newest of a range that hold the words.
    async fn among_newest(
        &self,
        connection: &mut Connection,
        range: &Range<Uuid>,
        limit: i64,
    ) -> Result<Vec<LoggedMail>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from (select * from ({}) m order by m.id desc limit {LOOK_AT}) m \
             where herald_fold(m.words) like herald_fold($7) order by m.id desc limit $6",
            self.source()
                .replace("limit $6", &format!("limit {LOOK_AT}")),
        );
        self.load(connection, sql, range, limit).await
    }

    /// Those of a range that hold the words, by the index of words: it is queried without the
    /// order, so that the planner does not read all mails in their order instead.
    async fn by_words(
        &self,
        connection: &mut Connection,
        range: &Range<Uuid>,
        limit: i64,
    ) -> Result<Vec<LoggedMail>, StoreError> {
        let sql = format!(
            "with hits as materialized ( \
                 select m.id from mail m \
                 where m.account_id = $1 and m.id >= $2 and m.id < $3 and herald_fold(m.words) like herald_fold($7) \
                     and ($4::text is null or m.topic = $4) \
                     and ($5::text is null or m.state = $5::mail_state) \
             ), newest as (select id from hits order by id desc limit $6) \
             select {COLUMNS} from newest n join mail m on m.account_id = $1 and m.id = n.id \
                 and m.id >= $2 and m.id < $3 \
             order by m.id desc"
        );
        self.load(connection, sql, range, limit).await
    }

    /// The mails of a range by the index that fits the filter. An index by topic goes on by
    /// state, so each state is asked for its newest.
    fn source(&self) -> String {
        let within = "m.account_id = $1 and m.id >= $2 and m.id < $3";
        let (topic, state) = ("m.topic = $4", "m.state = $5::mail_state");
        let newest = "order by m.id desc limit $6";
        match (&self.filter.topic, self.filter.state) {
            (None, None) => format!("select * from mail m where {within} {newest}"),
            (None, Some(_)) => format!("select * from mail m where {within} and {state} {newest}"),
            (Some(_), Some(_)) => {
                format!("select * from mail m where {within} and {topic} and {state} {newest}")
            }
            (Some(_), None) => format!(
                "select m.* from unnest(enum_range(null::mail_state)) as s (state) \
                 cross join lateral (select * from mail m \
                     where {within} and {topic} and m.state = s.state {newest}) m"
            ),
        }
    }

    async fn load(
        &self,
        connection: &mut Connection,
        sql: String,
        range: &Range<Uuid>,
        limit: i64,
    ) -> Result<Vec<LoggedMail>, StoreError> {
        Ok(diesel::sql_query(sql)
            .bind::<SqlUuid, _>(self.account.uuid())
            .bind::<SqlUuid, _>(range.start)
            .bind::<SqlUuid, _>(range.end)
            .bind::<Nullable<Text>, _>(self.filter.topic.as_deref())
            .bind::<Nullable<Text>, _>(self.filter.state.map(MailState::as_str))
            .bind::<BigInt, _>(limit)
            .bind::<Nullable<Text>, _>(self.pattern.as_deref())
            .load(connection)
            .await?)
    }
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct MailContent {
    /// The value of `Message-ID`, without the angle brackets.
    #[diesel(sql_type = Text)]
    pub message_id: String,
    /// Where a reply goes.
    #[diesel(sql_type = Nullable<Text>)]
    pub reply_to: Option<String>,
    /// What it says is shown to nobody but its receiver.
    #[diesel(sql_type = Bool)]
    pub confidential: bool,
    /// As people read it; empty if it is confidential.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// The same as HTML.
    #[diesel(sql_type = Nullable<Text>)]
    pub html: Option<String>,
    /// When it is tried again, if it waits.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LoggedTry {
    /// Its number.
    #[diesel(sql_type = Integer)]
    pub n: i32,
    /// When it ended.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// How long it took.
    #[diesel(sql_type = Integer)]
    pub duration_ms: i32,
    /// What came of it.
    #[diesel(sql_type = sql_types::MailTryOutcome)]
    pub outcome: TryOutcome,
    /// What the server said, or what went wrong.
    #[diesel(sql_type = Text)]
    pub reply: String,
    /// JSON: what it said of each receiver.
    #[diesel(sql_type = Nullable<Text>)]
    pub receivers: Option<String>,
}

/// One mail with what it says and its tries, the first one first.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    id: MailId,
) -> Result<Option<(LoggedMail, MailContent, Vec<LoggedTry>)>, StoreError> {
    let mut connection = database.get().await?;
    // The tries first and the mail last: what a try did to the mail is never missing.
    let tries = diesel::sql_query(
        "select n, at, duration_ms, outcome, reply, receivers from mail_try \
         where account_id = $1 and mail_id = $2 order by n",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(id.uuid())
    .load(&mut connection)
    .await?;
    let contents: Vec<MailContent> = diesel::sql_query(
        "select m.message_id, m.reply_to, m.confidential, \
             case when m.confidential then '' else m.text end as text, \
             case when m.confidential then null else m.html end as html, \
             d.due_at as next_attempt_at \
         from mail m left join mail_due d on d.account_id = m.account_id and d.mail_id = m.id \
         where m.account_id = $1 and m.id = $2",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(id.uuid())
    .load(&mut connection)
    .await?;
    let mails: Vec<LoggedMail> = diesel::sql_query(format!(
        "select {COLUMNS} from mail m where m.account_id = $1 and m.id = $2"
    ))
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(id.uuid())
    .load(&mut connection)
    .await?;
    let found = mails.into_iter().next().zip(contents.into_iter().next());
    Ok(found.map(|(mail, mut content)| {
        // It may have ended since its row of the queue was read.
        content.next_attempt_at = content
            .next_attempt_at
            .filter(|_| mail.state == MailState::Queued);
        (mail, content, tries)
    }))
}
