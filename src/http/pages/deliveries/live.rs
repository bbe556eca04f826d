//! The live tail: while somebody looks, what changes among the newest deliveries is sent to them
//! as rows (server-sent events).

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::web::{Bytes, Data};
use futures_util::stream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use super::super::prelude::*;
use super::super::reader::PageReader;
use super::choice::{Choice, WebhookMatch, names_of};
use super::{ROWS, row};
use crate::actors::{Share, Shares};
use crate::domain::id::{AccountId, UserId};
use crate::store::delivery_log::{DeliveryFilter, DeliveryPlace};
use crate::store::fresh::SecretHash;
use crate::store::{reading, session};

/// How many may look at once.
pub(in crate::http) const MOST: usize = 32;
/// Of them by one user, and in one account.
pub(in crate::http) const MOST_OF_USER: usize = 3;
pub(in crate::http) const MOST_OF_ACCOUNT: usize = MOST / 4;
static SEATS: Semaphore = Semaphore::const_new(MOST);
static OF_USERS: LazyLock<Shares<UserId>> = LazyLock::new(|| Shares::new(MOST_OF_USER));
static OF_ACCOUNTS: LazyLock<Shares<AccountId>> = LazyLock::new(|| Shares::new(MOST_OF_ACCOUNT));
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two checks that the session is in force.
const ASK: Duration = Duration::from_secs(5);
/// Without news something is sent after so long, so that a lost connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After so long the browser comes again, if it still wants to.
const LONGEST: Duration = Duration::from_secs(3_600);

/// One browser's tail.
struct Tail {
    shared: Data<ServerContext>,
    account: AccountId,
    session: SecretHash,
    reader: PageReader,
    choice: Choice,
    filter: DeliveryFilter,
    /// What was sent of each row.
    known: HashMap<DeliveryPlace, String>,
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
    fn take(user: UserId, account: AccountId) -> Result<Self, ProblemDetails> {
        let enough = |watched: &str, most: usize| {
            let close = "Close another page that shows them.";
            let detail = format!("{watched} on {most} pages already. {close}");
            ProblemDetails::new(ProblemKind::Enough, detail)
        };
        let by_user = || enough("You watch deliveries come in", MOST_OF_USER);
        let whole = || enough("Deliveries of this account are watched", MOST_OF_ACCOUNT);
        Ok(Self {
            _of_user: OF_USERS.take(user).ok_or_else(by_user)?,
            _of_account: OF_ACCOUNTS.take(account).ok_or_else(whole)?,
            _of_all: SEATS.try_acquire().map_err(|_full| {
                let detail = "Too many people watch deliveries come in. Try again later.";
                ProblemDetails::new(ProblemKind::Unavailable, detail)
            })?,
        })
    }
}

pub(in crate::http) async fn stream(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let choice = Choice::take(&mut query, &visit.reader, visit.request.query_string());
    query.finish()?;
    let WebhookMatch::Clear(subscription) = choice.target(&visit).await? else {
        let detail = "It is not clear which webhook is meant.";
        return Err(ProblemDetails::new(ProblemKind::Malformed, detail).into());
    };
    let seat = Seat::take(visit.signed_in.session.user(), visit.account)?;
    let now = Instant::now();
    let tail = Tail {
        account: visit.account,
        session: visit.signed_in.hash,
        reader: visit.reader,
        filter: choice.filter(subscription, ROWS),
        choice,
        known: HashMap::new(),
        begun: now,
        asked: now,
        spoke: now,
        first: true,
        over: false,
        shared: visit.shared,
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
                    // Unlike a lost connection, after which browsers come again.
                    self.over = true;
                    return Some(self.said("event: over\ndata: signed out\n\n"));
                }
                self.asked = Instant::now();
            }
            self.reader.now = self.shared.engine.clock().now();
            if let Some(rows) = self.news().await.ok()? {
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
        let page = self.choice.find(database, self.account, &self.filter);
        let mut fresh = page.await?.deliveries;
        let mut known = HashMap::with_capacity(fresh.len());
        fresh.retain(|delivery| {
            let place = (delivery.event, delivery.subscription);
            let mark = row::mark(delivery);
            let is_fresh = self.known.get(&place) != Some(&mark);
            known.insert(place, mark);
            is_fresh
        });
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
        let said = "data: a\ndata: \ndata: event: x\ndata: id: 1\n";
        assert_eq!(data("a\n\nevent: x\rid: 1"), said);
    }
}
