//! Resending all that the filters show: the number first, then exactly those that were there when
//! it was shown, one by one. The activity log has them as one entry.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::prelude::*;
use super::choice::{Choice, NAMES, WebhookMatch};
use crate::domain::id::SubscriptionId;
use crate::http::query::Query;
use crate::service::deliveries::resend_one_of_many;
use crate::store::delivery_log::DeliveryPlace;
use crate::store::resend::{Resend, note_many};
use crate::store::subscription_name::named;

/// The most deliveries that are resent at once.
const MOST: usize = 1_000;
/// Deliveries of one read of the list.
const PIECE: usize = 200;
/// How long deliveries are looked for.
const LOOK: Duration = Duration::from_secs(3);
/// How long deliveries are resent.
const WORK: Duration = Duration::from_secs(20);
/// How many at once.
const AT_ONCE: usize = 4;

/// What matches the filters.
struct FoundDeliveries {
    deliveries: Vec<DeliveryPlace>,
    /// There are more.
    more: bool,
    /// The search was given up before the end of the list.
    given_up: bool,
}

/// The number, and the question; or the result, once.
pub(in crate::http) async fn ask(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let choice = Choice::take(&mut query, &visit.reader, visit.request.query_string());
    query.finish()?;
    let until = visit.reader.now;
    let subscription = target(&visit, &choice).await?;
    let names = named(visit.database(), visit.account, subscription.as_slice()).await?;
    let name = names.values().next().map(|named| named.title.as_str());
    let filters = choice.described(&visit.reader, name);
    let chosen = html! {
        @if filters.is_empty() { p { "All deliveries of all webhooks." } }
        @else { ul class="chips" { @for filter in filters { li { span class="chip" { (filter) } } } } }
    };
    let back = choice.address("/deliveries", &[]);
    if visit.kept.is_some() {
        let kept = visit.handed_over().await?;
        let Some(counts) = kept.and_then(|text| serde_json::from_str::<ResendCounts>(&text).ok())
        else {
            return Ok(layout::go_to(back).finish());
        };
        let body = html! {
            (chosen)
            (counts.show())
            p { a class="button primary" href=(back) { "Back to the deliveries" } }
        };
        let page = visit.page(Nav::Deliveries, "Deliveries resent", "");
        return Ok(page.back(back, "Deliveries").show(&body));
    }
    let found = find(&visit, &choice, subscription, until).await?;
    let body = html! {
        (chosen)
        @if found.deliveries.is_empty() {
            @if found.given_up {
                p class="notice is-wait" {
                    "None were found in " (LOOK.as_secs()) " s. Choose a shorter time or one webhook."
                }
            } @else {
                p { "No delivery matches, so there is nothing to resend." }
            }
            p { a class="button" href=(back) { "Back to the deliveries" } }
        } @else {
            p class="large" { (number(&found)) }
            ul {
                li { "Each begins a new round of attempts. Deliveries that wait for their next attempt are due at once." }
                li { "Deliveries whose first attempt is still running are left alone." }
                li { "Deliveries of paused webhooks are held until those are resumed." }
                li { "New deliveries are not included." }
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
    let lead = "The receivers get these events again, with the same IDs.";
    let page = visit.page(Nav::Deliveries, "Resend deliveries", lead);
    Ok(page.back(back, "Deliveries").show(&body))
}

/// Resends them.
pub(in crate::http) async fn resend(Submission(visit, mut form): Submission) -> PageResult {
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(NAMES.map(|name| (name, form.take(name))));
    let written = written.finish();
    let mut query = Query::parse(&written);
    let choice = Choice::take(&mut query, &visit.reader, &written);
    query.finish()?;
    let Ok(until) = form.take("until").parse::<DateTime<Utc>>() else {
        let detail = "The form is incomplete: load the page again.";
        return Err(ProblemDetails::new(ProblemKind::Malformed, detail).into());
    };
    let until = until.min(visit.reader.now);
    let subscription = target(&visit, &choice).await?;
    let found = find(&visit, &choice, subscription, until).await?;
    let filters: Value = choice.pairs().iter().cloned().collect();
    let chosen = json!({
        "deliveries": found.deliveries.len(), "accepted_before": until, "filters": filters,
    });
    let cx = visit.cx();
    note_many(cx.database(), cx.account, &cx.by(), chosen).await?;
    let deadline = Instant::now() + WORK;
    let wish = |&(event, subscription): &DeliveryPlace| async move {
        if Instant::now() > deadline {
            return Ok(None);
        }
        resend_one_of_many(cx, event, subscription).await.map(Some)
    };
    let mut became = stream::iter(found.deliveries.iter().map(wish)).buffer_unordered(AT_ONCE);
    let mut counts = ResendCounts {
        more: found.more || found.given_up,
        ..ResendCounts::default()
    };
    while let Some(one) = became.next().await {
        match one {
            Ok(Some(Resend::Due(_))) => counts.due += 1,
            Ok(Some(Resend::InFlight)) => counts.in_flight += 1,
            Ok(Some(Resend::Deleted)) => counts.deleted += 1,
            Ok(Some(Resend::Unknown)) => counts.gone += 1,
            Ok(None) => counts.late += 1,
            Err(_away) => counts.away += 1,
        }
    }
    let page = choice.address("/deliveries/resend", &[]);
    let counts = serde_json::to_string(&counts).unwrap_or_default();
    visit.hand_over(&page, &counts).await
}

/// How many deliveries had which result.
#[derive(Default, Serialize, Deserialize)]
struct ResendCounts {
    /// More match the filters.
    more: bool,
    due: usize,
    in_flight: usize,
    deleted: usize,
    gone: usize,
    late: usize,
    away: usize,
}

impl ResendCounts {
    fn show(&self) -> Markup {
        let were = |count: usize| if count == 1 { "was" } else { "were" };
        html! {
            p class="notice is-sent" role="status" {
                (deliveries(self.due)) " " (were(self.due)) " resent."
                @if self.more { " More match the filters: resend again for the next ones." }
            }
            ul {
                @if self.in_flight > 0 {
                    li { (self.in_flight) " " (were(self.in_flight)) " left alone: the first attempt is still running." }
                }
                @if self.deleted > 0 {
                    li { (self.deleted) " " (were(self.deleted)) " left alone: the webhook was deleted." }
                }
                @if self.gone > 0 { li { (self.gone) " " (were(self.gone)) " no longer there." } }
                @if self.late > 0 {
                    li { (self.late) " " (were(self.late)) " not reached within " (WORK.as_secs()) " s. Resend again for these." }
                }
                @if self.away > 0 {
                    li { "The result of " (self.away) " is not known: the database did not answer. Check before you resend them." }
                }
            }
        }
    }
}

fn number(found: &FoundDeliveries) -> String {
    let (count, seconds) = (deliveries(found.deliveries.len()), LOOK.as_secs());
    match (found.more, found.given_up) {
        (true, _) => format!("More than {count} match: the newest {count} will be resent."),
        (false, true) => format!(
            "{count} were found in {seconds} s, before the end of the search: these will be resent."
        ),
        (false, false) => format!("{count} will be resent."),
    }
}

fn deliveries(count: usize) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    }
}

/// The webhook that is meant; none: any.
async fn target(visit: &Visit, choice: &Choice) -> Result<Option<SubscriptionId>, Trouble> {
    match choice.target(visit).await? {
        WebhookMatch::Clear(subscription) => Ok(subscription),
        WebhookMatch::Unclear(..) => {
            let detail = "It is not clear which webhook is meant: choose it in the list first.";
            Err(ProblemDetails::new(ProblemKind::Malformed, detail).into())
        }
    }
}

/// What matches and was accepted before `until`, the newest first.
async fn find(
    visit: &Visit,
    choice: &Choice,
    subscription: Option<SubscriptionId>,
    until: DateTime<Utc>,
) -> Result<FoundDeliveries, StoreError> {
    let (database, account) = (visit.database(), visit.account);
    let mut filter = choice.filter(subscription, PIECE);
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
            return Ok(FoundDeliveries {
                deliveries,
                more,
                given_up: given_up && !more,
            });
        }
        filter.after = page.next;
    }
}
