//! The figures and charts of the first page.

use super::super::chart::{BarStack, Curve, Plot, bars, lines};
use super::super::number;
use super::super::prelude::*;
use super::super::range::ChartRange;
use crate::store::attention::{Open, VERY_MANY};
use crate::store::audit::Audit;
use crate::store::stat::{Point, Series};

/// The last audit of the account, or of the whole server.
pub(super) struct Audited {
    pub(super) audit: Audit,
    pub(super) whole: bool,
}

/// Figures, then charts.
pub(super) fn section(
    visit: &Visit,
    range: ChartRange,
    series: &Series,
    open: &Open,
    audits: &[Audited],
) -> Markup {
    let total = series.total();
    let none = || "–".to_owned();
    let latency = |share: f64| {
        let found = total.latency.quantile(share);
        found.map_or_else(none, number::millis)
    };
    html! {
        section class="panel" {
            h2 { "The last " (range.name()) }
            dl class="figures" {
                div { dt { "Events in" } dd { (number::count(total.events)) } }
                div { dt { "Deliveries sent" } dd { (number::count(total.sent)) } }
                div {
                    dt { "Success rate" }
                    dd { (total.success_rate().map_or_else(none, number::percent)) }
                    @if total.errors() > 0 { dd class="more" { (number::of(total.errors(), "error")) } }
                }
                div {
                    dt { "Response time" }
                    dd { (latency(0.5)) }
                    dd class="more" { "p99: " (latency(0.99)) }
                }
                div {
                    dt { "Open deliveries" }
                    dd {
                        @if open.deliveries > VERY_MANY { "over " (number::count(VERY_MANY)) }
                        @else { (number::count(open.deliveries)) }
                    }
                    @if let Some(oldest) = open.oldest() {
                        dd class="more" { "oldest: " (visit.reader.ago(oldest)) }
                    }
                }
                (audit(visit, audits.first()))
            }
            (charts(visit, series))
        }
    }
}

fn audit(visit: &Visit, last: Option<&Audited>) -> Markup {
    html! {
        div {
            dt { "Delivery check" }
            @match last {
                Some(it) => {
                    dd class=[(it.audit.difference() != 0).then_some("text-error")] {
                        (number::count(it.audit.difference()))
                    }
                    dd class="more" {
                        (number::count(it.audit.lost)) " missing, " (number::count(it.audit.double)) " duplicated"
                    }
                    dd class="more" { @if it.whole { "whole server, " } "checked " (visit.reader.ago(it.audit.as_of)) }
                }
                None => { dd { "–" } dd class="more" { "not checked yet" } }
            }
            @if visit.engine().is_auditing() {
                dd class="more" { "A check is running." }
            } @else if visit.is_admin() {
                dd class="more" { (visit.post("/audit", "Check now", "quiet")) }
            }
        }
    }
}

fn charts(visit: &Visit, series: &Series) -> Markup {
    let plot = |title| Plot::of(title, &visit.reader, series, &[]);
    html! {
        div class="charts" {
            (bars(&plot("Events in"), &[stack("Events", "plain", series, |it| it.bucket.events)]))
            (deliveries(&plot("Deliveries"), series))
            (latency(&plot("Response time"), series))
        }
    }
}

/// What is counted at each point.
fn stack(
    name: &'static str,
    class: &'static str,
    of: &Series,
    read: fn(&Point) -> u32,
) -> BarStack {
    let counts = of.points.iter().map(read).collect();
    BarStack {
        name,
        class,
        counts,
    }
}

/// Sent, and what went wrong.
pub(in crate::http::pages) fn deliveries(plot: &Plot<'_>, series: &Series) -> Markup {
    let stacks = [
        stack("Sent", "sent", series, |it| it.bucket.sent),
        stack("Errors", "error", series, |it| it.bucket.errors()),
    ];
    bars(plot, &stacks)
}

/// The medians and the 99th percentiles of the response times.
pub(in crate::http::pages) fn latency(plot: &Plot<'_>, series: &Series) -> Markup {
    let curve = |name, share: f64| {
        let value = |point: &Point| point.bucket.latency.quantile(share);
        let values = series.points.iter().map(value).collect();
        Curve { name, values }
    };
    let curves = [curve("p50", 0.5), curve("p99", 0.99)];
    lines(plot, &curves, None, number::millis)
}
