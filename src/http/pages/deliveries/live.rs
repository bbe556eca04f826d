//! The live tail: while somebody looks, what changes among the newest deliveries is sent to them
//! as rows (server-sent events).

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use maud::html;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use super::super::layout;
use super::super::reader::Reader;
use super::super::visit::Look;
use super::super::{PageResult, query};
use super::choice::{Choice, names_of};
use super::{ROWS, row};
use crate::actors::{Share, Shares};
use crate::domain::id::{AccountId, EventId, SubscriptionId, UserId};
use crate::http::problem::{Kind, Problem};
use crate::http::shared::Shared;
use crate::store::delivery_log::DeliveryFilter;
use crate::store::fresh::SecretHash;
use crate::store::session;
use crate::store::{StoreError, reading};

/// How many may look at once.
const MOST: usize = 32;
/// Of them by one user, and in one account.
const MOST_OF_USER: usize = 3;
const MOST_OF_ACCOUNT: usize = MOST / 4;
static SEATS: Semaphore = Semaphore::const_new(MOST);
static OF_USERS: LazyLock<Shares<UserId>> = LazyLock::new(|| Shares::new(MOST_OF_USER));
static OF_ACCOUNTS: LazyLock<Shares<AccountId>> = LazyLock::new(|| Shares::new(MOST_OF_ACCOUNT));
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks whether the session is in force.
const ASK: Duration = Duration::from_secs(5);
/// Without news something is sent after so long, so that a lost connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After so long the browser comes again, if it still wants to.
const LONGEST: Duration = Duration::from_secs(3_600);

/// One browser's tail.
struct Tail {
    shared: Data<Shared>,
    account: AccountId,
    session: SecretHash,
    reader: Reader,
    choice: Choice,
    filter: DeliveryFilter,
    /// What was sent of each row.
    known: HashMap<(EventId, SubscriptionId), String>,
    begun: Instant,
    asked: Instant,
    spoke: Instant,
    first: bool,
    over: bool,
    _seat: Seat,
}

/// Given back when the tail ends.
struct Seat {
    _of_user: Share<UserId>,
    _of_account: Share<AccountId>,
    _of_all: SemaphorePermit<'static>,
}

impl Seat {
    fn take(user: UserId, account: AccountId) -> Result<Self, Problem> {
        let enough = |detail: String| Problem::new(Kind::Enough, detail);
        let close = "Close another page that shows them.";
        Ok(Self {
            _of_user: OF_USERS.take(user).ok_or_else(|| {
                enough(format!(
                    "You watch deliveries come in on {MOST_OF_USER} pages already. {close}"
                ))
            })?,
            _of_account: OF_ACCOUNTS.take(account).ok_or_else(|| {
                enough(format!(
                    "Deliveries of this account are watched on {MOST_OF_ACCOUNT} pages already. \
                     {close}"
                ))
            })?,
            _of_all: SEATS.try_acquire().map_err(|_full| {
                let detail = "Too many people watch deliveries come in. Try again later.";
                Problem::new(Kind::Unavailable, detail)
            })?,
        })
    }
}

/// The stream.
pub(in crate::http) async fn stream(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let choice = Choice::take(&mut query, &visit.reader, request.query_string());
    query.finish()?;
    let database = shared.engine.database();
    let target = choice.target(database, visit.account).await?;
    let subscription = target.wanted().map_err(|_unclear| {
        Problem::new(Kind::Malformed, "It is not clear which webhook is meant.")
    })?;
    let seat = Seat::take(visit.signed_in.session.user(), visit.account)?;
    let now = Instant::now();
    let tail = Tail {
        account: visit.account,
        session: visit.signed_in.hash,
        reader: visit.reader,
        filter: choice.filter(subscription, None, ROWS),
        choice,
        known: HashMap::new(),
        begun: now,
        asked: now,
        spoke: now,
        first: true,
        over: false,
        shared,
        _seat: seat,
    };
    let events = stream::unfold(tail, |mut tail| async move {
        let said = reading(Some(tail.account), tail.next()).await?;
        Some((Ok::<Bytes, actix_web::Error>(said), tail))
    });
    // Packing would hold each event back until a block is full.
    Ok(layout::with_headers(HttpResponse::Ok())
        .content_type("text/event-stream")
        .insert_header(actix_web::http::header::ContentEncoding::Identity)
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(events)))
}

impl Tail {
    /// What is to be sent next; none: it is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.first {
                let closing = &self.shared.closing;
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    // The browser comes again.
                    () = closing.begun() => return None,
                }
            }
            if self.over || self.begun.elapsed() > LONGEST {
                return None;
            }
            if self.asked.elapsed() > ASK {
                let database = self.shared.engine.database();
                if !session::is_in_force(database, &self.session).await.ok()? {
                    // Told apart from a lost connection, after which browsers come again.
                    self.over = true;
                    return Some(self.said("event: over\ndata: signed out\n\n"));
                }
                self.asked = Instant::now();
            }
            self.reader.now = self.shared.engine.clock().now();
            let rows = self.news().await.ok()?;
            if let Some(rows) = rows {
                return Some(self.said(&format!("event: rows\n{}\n", data(&rows))));
            }
            if self.first || self.spoke.elapsed() > HEARTBEAT {
                return Some(self.said(": nothing new\n\n"));
            }
        }
    }

    fn said(&mut self, text: &str) -> Bytes {
        self.first = false;
        self.spoke = Instant::now();
        Bytes::copy_from_slice(text.as_bytes())
    }

    /// Rows that are new or not as they were sent, the newest first.
    async fn news(&mut self) -> Result<Option<String>, StoreError> {
        let database = self.shared.engine.database();
        let page = self
            .choice
            .find(database, self.account, &self.filter)
            .await?;
        let mut known = HashMap::with_capacity(page.deliveries.len());
        let mut fresh = Vec::new();
        for delivery in page.deliveries {
            let place = (delivery.event, delivery.subscription);
            let mark = row::mark(&delivery);
            if self.known.get(&place) != Some(&mark) {
                fresh.push(delivery);
            }
            known.insert(place, mark);
        }
        self.known = known;
        if fresh.is_empty() {
            return Ok(None);
        }
        let names = names_of(database, self.account, &fresh).await?;
        let rows = html! { @for delivery in &fresh { (row::row(&self.reader, delivery, &names)) } };
        Ok(Some(rows.into_string()))
    }
}

/// A text as the data of an event: each of its lines.
fn data(text: &str) -> String {
    let lines = text.split(['\n', '\r']);
    lines.map(|line| format!("data: {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::data;

    #[test]
    fn no_text_ends_an_event_or_begins_another() {
        assert_eq!(
            data("a\n\nevent: x\rid: 1"),
            "data: a\ndata: \ndata: event: x\ndata: id: 1\n"
        );
    }
}
