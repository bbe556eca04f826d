//! The part of a webhook's page that shows how well it works: charts of a range, with marks where
//! it was changed; and why it fails.

use super::chart::{Curve, Mark, Plot, lines};
use super::number;
use super::overview::figures;
use super::prelude::*;
use super::range::ChartRange;
use crate::domain::activity::OwnActivity;
use crate::domain::subscription::SubscriptionState::{Disabled, Paused};
use crate::service::attempts::error_of;
use crate::store::activity_marks::{self, Marked};
use crate::store::attention::{self, Failing, MANY};
use crate::store::stat::{self, Point, Series};
use crate::store::subscription::Subscription;

/// The charts of a webhook over a range, for its page, whose address takes `range`.
///
/// # Errors
/// When the database is away.
pub(super) async fn section(
    visit: &Visit,
    subscription: &Subscription,
    range: ChartRange,
) -> Result<Markup, StoreError> {
    let (database, account, id) = (visit.database(), visit.account, subscription.id);
    let ((step, points), now) = (range.steps(), visit.reader.now);
    let plugin = subscription.plugin.as_ref();
    let script = plugin.map(|name| format!("named/{name}.rhai"));
    let (script, from) = (script.as_deref(), now - range.length());
    let (series, marked) = tokio::try_join!(
        stat::series(database, account, Some(id), now, step, points),
        activity_marks::since(database, account, id, script, from),
    )?;
    let marks: Vec<Mark> = marked.iter().map(mark).collect();
    let plot = |title| Plot::of(title, &visit.reader, &series, &marks);
    let total = series.total();
    let latency = |share: f64| {
        let found = total.latency.quantile(share);
        found.map_or_else(|| "–".to_owned(), number::millis)
    };
    let rate = total.success_rate();
    Ok(html! {
        section class="panel" id="figures" {
            h2 { "The last " (range.name()) }
            (range.links(&format!("/webhooks/{id}")))
            dl class="figures" {
                div { dt { "Deliveries sent" } dd { (number::count(total.sent)) } }
                div {
                    dt { "Success rate" }
                    dd { (rate.map_or_else(|| "–".to_owned(), number::percent)) }
                    @if total.errors() > 0 { dd class="more" { (number::of(total.errors(), "error")) } }
                }
                div {
                    dt { "Response time" }
                    dd { (latency(0.5)) }
                    dd class="more" { "p99: " (latency(0.99)) }
                }
                @for (label, count) in [("Filtered", total.filtered), ("Cancelled", total.cancelled)] {
                    @if count > 0 { div { dt { (label) } dd { (number::count(count)) } } }
                }
            }
            div class="charts" {
                (figures::deliveries(&plot("Deliveries"), &series))
                (success(&plot("Success rate"), &series))
                @if !subscription.url.is_mail() { (figures::latency(&plot("Response time"), &series)) }
            }
        }
    })
}

fn success(plot: &Plot<'_>, series: &Series) -> Markup {
    let value = |point: &Point| point.bucket.success_rate();
    let curve = Curve {
        name: "Success",
        values: series.points.iter().map(value).collect(),
    };
    lines(plot, &[curve], Some(1.0), number::percent)
}

/// What happened, as its charts show it.
fn mark(marked: &Marked) -> Mark {
    let what = match marked.activity.parse() {
        Ok(OwnActivity::SubscriptionChanged) => "Changed",
        Ok(OwnActivity::SubscriptionPaused) => "Paused",
        Ok(OwnActivity::SubscriptionResumed) => "Resumed",
        Ok(OwnActivity::SubscriptionEnabled) => "Enabled",
        Ok(OwnActivity::SubscriptionDisabled) => "Disabled",
        Ok(OwnActivity::PluginLoaded) => "New version of its plugin",
        Ok(OwnActivity::PluginBroken) => "Its plugin was saved broken",
        Ok(OwnActivity::PluginSuspended) => "Its plugin was suspended",
        Ok(OwnActivity::PluginRecovered) => "Its plugin works again",
        Ok(OwnActivity::PluginRemoved) => "Its plugin was removed",
        _ => &marked.activity,
    };
    let by = marked.user.as_ref().map(|user| format!(" by {user}"));
    Mark {
        at: marked.at,
        text: format!("{what}{}", by.unwrap_or_default()),
    }
}

/// Why a webhook fails, since when, what is waiting and what to do; none: it does not fail.
///
/// # Errors
/// When the database is away.
pub(super) async fn trouble(
    visit: &Visit,
    subscription: &Subscription,
) -> Result<Option<Markup>, StoreError> {
    let id = Some(subscription.id);
    let found = attention::failing(visit.database(), visit.account, id, 1).await?;
    let by_herald = |did: &str, reason: &str, meaning: &str| {
        html! {
            div class="notice is-error" role="status" {
                p { strong { "Herald " (did) " this webhook " (visit.reader.ago(subscription.updated_at)) "." } " " (reason) }
                p { (meaning) }
            }
        }
    };
    let of_disabled = "It matches no new events; what it held stays held. Fix its target, then \
                       enable it.";
    let of_paused = "It still matches events; their deliveries are held.";
    Ok(match (subscription.state, &subscription.disabled_reason) {
        (Disabled, Some(reason)) => Some(by_herald("disabled", reason, of_disabled)),
        (Paused, Some(reason)) => Some(by_herald("paused", reason, of_paused)),
        _ => found.first().map(|it| why(visit, subscription, it)),
    })
}

fn why(visit: &Visit, subscription: &Subscription, it: &Failing) -> Markup {
    let error = it.detail.as_deref().and_then(error_of);
    let error = error.unwrap_or_else(|| "No reason is known.".to_owned());
    let what_to_do = advice(&error, subscription.url.is_mail());
    html! {
        div class="notice is-error" role="status" {
            p {
                strong { "Deliveries began to fail " (visit.reader.ago(it.since)) "." } " " (error)
                @match it.last_sent_at {
                    Some(at) if at < it.since => { " The last one that arrived was " (visit.reader.ago(at)) "." }
                    Some(_) => {}
                    None => { " None has arrived yet." }
                }
            }
            p {
                @if it.open > 0 {
                    a href=(format!("/deliveries?webhook={}", subscription.id)) {
                        @if it.open > MANY { "More than " (number::count(MANY)) " deliveries" }
                        @else { (number::of(it.open, "delivery")) }
                    }
                    @if it.open == 1 { " is waiting" } @else { " are waiting" }
                    @match it.next_due_at {
                        _ if subscription.state == Paused => { ", held until you resume it. " }
                        Some(due) if due > visit.reader.now => { "; the next attempt is " (visit.reader.ago(due)) ". " }
                        Some(_) => { "; the next attempt is now. " }
                        None => ". ",
                    }
                } @else {
                    "No retries are scheduled. Resend after fixing. "
                }
                (what_to_do)
            }
        }
    }
}

/// Where to look for what an error itself does not say.
fn advice(error: &str, mail: bool) -> &'static str {
    if mail {
        "Look at the mail's own page for what the mail server said."
    } else if error.starts_with("The plugin ") {
        "Look at the plugin's page, and at its log lines in the delivery."
    } else {
        ""
    }
}
