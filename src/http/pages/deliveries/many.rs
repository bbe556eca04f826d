//! Sending again all that the filters show: the number first, then exactly those that were there
//! when it was shown, one by one. The activity log has them as one entry.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{StreamExt, stream};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::super::frame::Nav;
use super::super::visit::{Look, Submission, Visit};
use super::super::{PageResult, Trouble, layout, query};
use super::choice::Choice;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::http::problem::{Kind, Problem};
use crate::http::query::Query;
use crate::http::shared::Shared;
use crate::service::deliveries::resend_one_of_many;
use crate::store::StoreError;
use crate::store::resend::{Resend, note_many};
use crate::store::subscription_name::named;

/// The most deliveries that are sent again at once.
const MOST: usize = 1_000;
/// Deliveries of one look at the list.
const PIECE: usize = 200;
/// How long deliveries are looked for.
const LOOK: Duration = Duration::from_secs(3);
/// How long deliveries are sent again.
const WORK: Duration = Duration::from_secs(20);
/// How many at once.
const AT_ONCE: usize = 4;

/// What fits the filters.
struct Found {
    deliveries: Vec<(EventId, SubscriptionId)>,
    /// There are more.
    more: bool,
    /// The search was given up before the end of the list.
    given_up: bool,
}

/// The number, and the question.
pub(in crate::http) async fn ask(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let choice = Choice::take(&mut query, &visit.reader, request.query_string());
    query.finish()?;
    let until = visit.reader.now;
    let (subscription, name) = target(&shared, visit.account, &choice).await?;
    if visit.kept.is_some() {
        let told = visit.handed_over(&shared, &request).await?;
        let told = told.and_then(|text| serde_json::from_str::<Told>(&text).ok());
        return Ok(match told {
            Some(told) => done(&choice, &visit, name.as_deref(), &told),
            None => layout::go_to(choice.address("/deliveries", &[])).finish(),
        });
    }
    let found = find(&shared, visit.account, &choice, subscription, until).await?;
    let back = choice.address("/deliveries", &[]);
    let body = html! {
        (chosen(&choice, &visit, name.as_deref()))
        @if found.deliveries.is_empty() {
            @if found.given_up {
                p class="notice is-wait" {
                    "None was found in " (LOOK.as_secs()) " s. Choose a shorter time or one webhook."
                }
            } @else {
                p { "No delivery fits, so that there is nothing to resend." }
            }
            p { a class="button" href=(back) { "Back to the deliveries" } }
        } @else {
            p class="large" { (number(&found)) }
            ul {
                li { "Each begins a new round of attempts. What waits for its next attempt is due at once." }
                li { "What is being delivered for the first time right now is left alone." }
                li { "Deliveries of paused webhooks are held until those are resumed." }
                li { "What comes in from now on is not included." }
            }
            form method="post" action="/deliveries/resend" {
                (visit.csrf())
                @for (name, value) in choice.pairs() { input type="hidden" name=(name) value=(value); }
                input type="hidden" name="until" value=(until.to_rfc3339_opts(SecondsFormat::Micros, true));
                p class="actions" {
                    button class="button primary" type="submit" { "Resend " (deliveries(found.deliveries.len())) }
                    a class="button" href=(back) { "Cancel" }
                }
            }
        }
    };
    let lead = "The receivers get these events again, with the same ids.";
    Ok(visit
        .page(Nav::Deliveries, "Resend deliveries", lead)
        .back(choice.address("/deliveries", &[]), "Deliveries")
        .show(&body))
}

/// Sends them again.
pub(in crate::http) async fn resend(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let until = form.take("until");
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    for name in ["topic", "webhook", "state", "from", "to"] {
        match form.take(name) {
            value if value.is_empty() => {}
            value => {
                written.append_pair(name, &value);
            }
        }
    }
    let written = written.finish();
    let mut query = Query::parse(&written);
    let choice = Choice::take(&mut query, &visit.reader, &written);
    query.finish()?;
    let until: DateTime<Utc> = until.parse().map_err(|_unreadable| {
        Problem::new(
            Kind::Malformed,
            "The form lacks its time: load the page again.",
        )
    })?;
    let until = until.min(visit.reader.now);
    let (subscription, _name) = target(&shared, visit.account, &choice).await?;
    let found = find(&shared, visit.account, &choice, subscription, until).await?;
    let filters: serde_json::Map<_, _> = choice
        .pairs()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let chosen = json!({
        "deliveries": found.deliveries.len(), "accepted_before": until, "filters": filters,
    });
    let database = shared.engine.database();
    note_many(database, visit.account, &visit.caller.actor(), chosen).await?;
    let deadline = Instant::now() + WORK;
    let wishes = found.deliveries.iter().map(|(event, subscription)| {
        let (shared, account) = (&shared, visit.account);
        async move {
            if Instant::now() > deadline {
                return Ok(None);
            }
            let became = resend_one_of_many(&shared.engine, account, *event, *subscription);
            became.await.map(Some)
        }
    });
    let became: Vec<Result<Option<Resend>, StoreError>> = stream::iter(wishes)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut told = Told {
        more: found.more || found.given_up,
        ..Told::default()
    };
    for one in became {
        match one {
            Ok(Some(Resend::Due(_))) => told.due += 1,
            Ok(Some(Resend::InFlight)) => told.in_flight += 1,
            Ok(Some(Resend::Deleted)) => told.deleted += 1,
            Ok(Some(Resend::Unknown)) => told.gone += 1,
            Ok(None) => told.late += 1,
            Err(_away) => told.away += 1,
        }
    }
    let page = choice.address("/deliveries/resend", &[]);
    let told = serde_json::to_string(&told).unwrap_or_default();
    visit.hand_over(&shared, &page, &told).await
}

/// What became of it, shown once.
fn done(choice: &Choice, visit: &Visit, webhook: Option<&str>, told: &Told) -> HttpResponse {
    let body = html! {
        (chosen(choice, visit, webhook))
        (told.show())
        p { a class="button primary" href=(choice.address("/deliveries", &[])) { "To the deliveries" } }
    };
    visit
        .page(Nav::Deliveries, "Deliveries resent", "")
        .back(choice.address("/deliveries", &[]), "Deliveries")
        .show(&body)
}

/// What became of the wishes.
#[derive(Default, Serialize, Deserialize)]
struct Told {
    /// More fit the filters.
    more: bool,
    due: usize,
    in_flight: usize,
    deleted: usize,
    gone: usize,
    late: usize,
    away: usize,
}

impl Told {
    fn show(&self) -> Markup {
        let were = |count: usize| if count == 1 { "was" } else { "were" };
        html! {
            p class="notice is-sent" role="status" {
                (deliveries(self.due)) " " (were(self.due)) " resent."
                @if self.more { " More fit the filters: resend again for the next ones." }
            }
            ul {
                @if self.in_flight > 0 {
                    li { (self.in_flight) " " (were(self.in_flight)) " left alone: being delivered for the first time." }
                }
                @if self.deleted > 0 {
                    li { (self.deleted) " " (were(self.deleted)) " left alone: the webhook was deleted." }
                }
                @if self.gone > 0 { li { (self.gone) " " (were(self.gone)) " not there any more." } }
                @if self.late > 0 {
                    li { (self.late) " " (were(self.late)) " not reached within " (WORK.as_secs()) " s. Resend again for these." }
                }
                @if self.away > 0 {
                    li { "Of " (self.away) " it is not known: the database did not answer. Look before you resend them." }
                }
            }
        }
    }
}

fn chosen(choice: &Choice, visit: &Visit, webhook: Option<&str>) -> Markup {
    let words = choice.in_words(&visit.reader, webhook);
    html! {
        @if words.is_empty() { p { "All deliveries of all webhooks." } }
        @else { ul class="chips" { @for word in words { li { span class="chip" { (word) } } } } }
    }
}

fn number(found: &Found) -> String {
    let count = deliveries(found.deliveries.len());
    if found.more {
        return format!("More than {count} fit: the newest {count} will be resent.");
    }
    if found.given_up {
        return format!(
            "{count} were found in {} s, and the search was not at its end: these will be resent.",
            LOOK.as_secs()
        );
    }
    format!("{count} will be resent.")
}

fn deliveries(count: usize) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    }
}

/// The webhook that is meant, and its name.
async fn target(
    shared: &Shared,
    account: AccountId,
    choice: &Choice,
) -> Result<(Option<SubscriptionId>, Option<String>), Trouble> {
    let database = shared.engine.database();
    let target = choice.target(database, account).await?;
    let unclear = |_: &_| {
        let detail = "It is not clear which webhook is meant: choose it in the list first.";
        Problem::new(Kind::Malformed, detail)
    };
    let Some(id) = target.wanted().map_err(unclear)? else {
        return Ok((None, None));
    };
    let names = named(database, account, &[id]).await?;
    Ok((Some(id), names.get(&id).map(|it| it.title.clone())))
}

/// What fits and was accepted before `until`, the newest first.
async fn find(
    shared: &Shared,
    account: AccountId,
    choice: &Choice,
    subscription: Option<SubscriptionId>,
    until: DateTime<Utc>,
) -> Result<Found, StoreError> {
    let database = shared.engine.database();
    let mut filter = choice.filter(subscription, None, PIECE);
    filter.to = Some(filter.to.map_or(until, |to| to.min(until)));
    let begun = Instant::now();
    let mut deliveries = Vec::new();
    loop {
        let page = choice.find(database, account, &filter).await?;
        deliveries.extend(page.deliveries.iter().map(|it| (it.event, it.subscription)));
        let more = deliveries.len() > MOST;
        let given_up = page.next.is_some() && begun.elapsed() > LOOK;
        if more || given_up || page.next.is_none() {
            deliveries.truncate(MOST);
            return Ok(Found {
                deliveries,
                more,
                given_up: given_up && !more,
            });
        }
        filter.after = page.next;
    }
}
