//! Charts, drawn on the server as SVG. Shapes stretch with the page; texts are HTML beside them, so
//! they are never distorted. Each point shows its values on hover, and a table that only screen
//! readers meet holds the same.

use chrono::{DateTime, Duration, Utc};
use maud::{Markup, html};

use super::number;
use super::reader::PageReader;
use crate::store::stat::{Point, Series};

/// Width of a point and height of the whole, in the units of the drawing.
const SLOT: usize = 10;
const HEIGHT: f64 = 100.0;
/// Labels at the ends of lines keep so far apart, in percent of the height.
const APART: f64 = 18.0;

/// An hour of a small chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SparkPoint {
    /// Deliveries that arrived.
    pub sent: u32,
    /// Attempts that went wrong.
    pub errors: u32,
}

impl SparkPoint {
    /// The hours of a series.
    pub(super) fn of(series: &Series) -> Vec<Self> {
        let point = |point: &Point| Self {
            sent: point.bucket.sent,
            errors: point.bucket.errors(),
        };
        series.points.iter().map(point).collect()
    }
}

/// The small chart of the last 24 hours, for cards and rows; nothing happened if it is empty.
pub(super) fn spark(points: &[SparkPoint]) -> Markup {
    let sum = |read: fn(&SparkPoint) -> u32| points.iter().map(|it| i64::from(read(it))).sum();
    let (sent, errors): (i64, i64) = (sum(|it| it.sent), sum(|it| it.errors));
    let counts = (number::count(sent), number::of(errors, "error"));
    let summary = match sent + errors {
        0 => "Last 24 hours: nothing".to_owned(),
        _ => format!("Last 24 hours: {} sent, {}", counts.0, counts.1),
    };
    let highest = points.iter().map(|it| it.sent.saturating_add(it.errors));
    let highest = f64::from(highest.max().unwrap_or(0).max(1));
    let (mut good, mut bad) = (String::new(), String::new());
    for (place, point) in points.iter().enumerate() {
        let x = place * 4;
        // Whatever happened is visible.
        let part = |count: u32| match count {
            0 => 0,
            count => ((f64::from(count) / highest * 22.0).round() as u32).max(2),
        };
        let (sent, errors) = (part(point.sent), part(point.errors));
        if sent > 0 {
            good.push_str(&format!("M{x} 24v-{sent}h3v{sent}z"));
        }
        if errors > 0 {
            let base = 24_u32.saturating_sub(sent);
            bad.push_str(&format!("M{x} {base}v-{errors}h3v{errors}z"));
        }
    }
    let width = points.len().max(24) * 4 - 1;
    html! {
        svg class="spark" viewBox=(format!("0 0 {width} 25")) role="img" aria-label=(summary) {
            title { (summary) }
            path class="chart-base" d=(format!("M0 24.5h{width}")) {}
            @if !good.is_empty() { path class="chart-sent" d=(good) {} }
            @if !bad.is_empty() { path class="chart-error" d=(bad) {} }
        }
    }
}

/// Something that happened at a time and explains what the chart shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: String,
}

/// What every chart has.
pub(super) struct Plot<'a> {
    /// What it shows, in a word or two.
    pub title: &'a str,
    /// The reader, for their zone.
    pub reader: &'a PageReader,
    /// Where each point begins.
    pub times: Vec<DateTime<Utc>>,
    /// How long a point is.
    pub step: Duration,
    /// What happened meanwhile.
    pub marks: &'a [Mark],
}

/// Counts that are stacked on one another.
pub(super) struct BarStack {
    /// What is counted.
    pub name: &'static str,
    /// `sent`, `error`, or `plain` for what is no state.
    pub class: &'static str,
    /// One for each point.
    pub counts: Vec<u32>,
}

/// A line.
pub(super) struct Curve {
    /// What it is.
    pub name: &'static str,
    /// One for each point; none where there is nothing to show.
    pub values: Vec<Option<f64>>,
}

/// Bars from zero, one on another.
pub(super) fn bars(plot: &Plot<'_>, stacks: &[BarStack]) -> Markup {
    let value = |stack: &BarStack, place: usize| stack.counts.get(place).copied().unwrap_or(0);
    let whole = |place: usize| stacks.iter().map(|it| f64::from(value(it, place))).sum();
    let highest = (0..plot.times.len()).map(whole).fold(0.0, f64::max);
    let top = rounded_up(highest);
    let total = |stack: &BarStack| {
        let counts = stack.counts.iter().map(|count| i64::from(*count));
        number::count(counts.sum::<i64>())
    };
    let mut base = vec![HEIGHT; plot.times.len()];
    let mut shapes = Vec::new();
    for stack in stacks {
        let mut path = String::new();
        for (place, base) in base.iter_mut().enumerate() {
            let count = f64::from(value(stack, place));
            if count > 0.0 {
                // Whatever happened is visible.
                let height = (count / top * HEIGHT).max(1.0).min(*base);
                let x = place * SLOT + 1;
                let (from, high) = (written(*base), written(height));
                path.push_str(&format!("M{x} {from}v-{high}h8v{high}z"));
                *base -= height;
            }
        }
        shapes.push((stack.class, path));
    }
    let named = |stack: &BarStack| format!("{} {}", total(stack), stack.name.to_lowercase());
    let totals: Vec<String> = stacks.iter().map(named).collect();
    let drawing = html! {
        @for (class, path) in &shapes {
            @if !path.is_empty() { path class=(format!("chart-{class}")) d=(path) {} }
        }
    };
    let key = html! {
        @for stack in stacks {
            li class=(format!("key-{}", stack.class)) { (stack.name) " " b { (total(stack)) } }
        }
    };
    let said = |place: usize| -> Vec<String> {
        let count = |stack: &BarStack| number::count(value(stack, place));
        stacks.iter().map(count).collect()
    };
    let names: Vec<&str> = stacks.iter().map(|stack| stack.name).collect();
    let shown = ChartParts {
        top: number::short(top),
        summary: totals.join(", "),
        drawing,
        key,
        ends: html! {},
        names,
        empty: highest == 0.0,
    };
    frame(plot, &shown, said)
}

/// Lines from zero, each labelled at its end. `write` writes a value; `top`: the end of the
/// scale, else the highest value decides.
pub(super) fn lines(
    plot: &Plot<'_>,
    curves: &[Curve],
    top: Option<f64>,
    write: fn(f64) -> String,
) -> Markup {
    let values = curves.iter().flat_map(|it| it.values.iter().flatten());
    let highest = values.copied().fold(0.0, f64::max);
    let top = top.unwrap_or_else(|| rounded_up(highest));
    let height = |value: f64| HEIGHT - (value / top * HEIGHT).clamp(0.0, HEIGHT);
    let last = |curve: &Curve| curve.values.iter().flatten().last().copied();
    let ended = curves.iter().filter_map(|it| Some((it, last(it)?)));
    let ends = ended.map(|(curve, value)| (height(value), curve, value));
    let mut ends: Vec<(f64, &Curve, f64)> = ends.collect();
    ends.sort_by(|one, other| other.0.total_cmp(&one.0));
    // From below: each label is above the one before.
    let mut limit: f64 = 94.0;
    for (y, _, _) in &mut ends {
        *y = y.clamp(4.0, 96.0_f64.min(limit.max(4.0)));
        limit = *y - APART;
    }
    let drawing = html! {
        @for (number, curve) in curves.iter().enumerate() {
            path class=(format!("chart-line line-{number}")) vector-effect="non-scaling-stroke"
                d=(line(curve, height)) {}
        }
    };
    let ends = html! {
        @for (y, curve, value) in &ends {
            span class=(format!("end y-{:.0}", (y / 2.0).round() * 2.0)) {
                (curve.name) " " b { (write(*value)) }
            }
        }
    };
    let said = |place: usize| -> Vec<String> {
        let value = |curve: &Curve| curve.values.get(place).copied().flatten();
        let text = |curve: &Curve| value(curve).map_or_else(|| "–".to_owned(), write);
        curves.iter().map(text).collect()
    };
    let total = |it: &Curve| Some(format!("{} at the end {}", it.name, write(last(it)?)));
    let totals: Vec<String> = curves.iter().filter_map(total).collect();
    let names: Vec<&str> = curves.iter().map(|curve| curve.name).collect();
    let shown = ChartParts {
        top: write(top),
        summary: totals.join(", "),
        drawing,
        key: html! {},
        ends,
        names,
        empty: curves.iter().all(|curve| last(curve).is_none()),
    };
    frame(plot, &shown, said)
}

/// A coordinate, to a tenth.
fn written(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A line with gaps; a value between two gaps is a short stroke.
fn line(curve: &Curve, height: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut drawn = false;
    let value = |place: usize| curve.values.get(place).copied().flatten();
    for place in 0..curve.values.len() {
        let Some(now) = value(place) else {
            drawn = false;
            continue;
        };
        let (x, y) = (place * SLOT + SLOT / 2, written(height(now)));
        if drawn {
            path.push_str(&format!("L{x} {y}"));
        } else if value(place + 1).is_some() {
            path.push_str(&format!("M{x} {y}"));
        } else {
            path.push_str(&format!("M{} {y}h8", x.saturating_sub(4)));
        }
        drawn = true;
    }
    path
}

/// What differs from chart to chart.
struct ChartParts<'a> {
    top: String,
    summary: String,
    drawing: Markup,
    key: Markup,
    ends: Markup,
    names: Vec<&'a str>,
    empty: bool,
}

fn frame(plot: &Plot<'_>, shown: &ChartParts<'_>, said: impl Fn(usize) -> Vec<String>) -> Markup {
    let count = plot.times.len();
    let width = count * SLOT;
    let range = match (plot.times.first(), plot.times.last()) {
        (Some(first), Some(last)) => {
            let (begin, end) = (plot.moment(*first), plot.moment(*last + plot.step));
            format!("{begin} to {end}")
        }
        _ => String::new(),
    };
    let empty = shown.empty;
    let content = if empty { "nothing" } else { &shown.summary };
    let summary = format!("{}, {range}: {content}.", plot.title);
    let marks: Vec<(usize, &Mark)> = (plot.marks.iter())
        .filter_map(|mark| Some((plot.place(mark.at)?, mark)))
        .collect();
    html! {
        figure class="chart" {
            figcaption {
                h3 { (plot.title) }
                ul class="keys" { (shown.key) }
            }
            div class="plot" {
                span class="top" aria-hidden="true" { (shown.top) }
                svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img"
                    aria-label=(summary) {
                    path class="chart-grid" vector-effect="non-scaling-stroke"
                        d=(format!("M0 0h{width}M0 50h{width}")) {}
                    (shown.drawing)
                    path class="chart-base" vector-effect="non-scaling-stroke"
                        d=(format!("M0 {HEIGHT}h{width}")) {}
                    @for (place, _) in &marks {
                        path class="chart-mark" vector-effect="non-scaling-stroke"
                            d=(format!("M{} 0v{HEIGHT}", place * SLOT + SLOT / 2)) {}
                    }
                    @for (place, at) in plot.times.iter().enumerate() {
                        rect class="hit" x=(place * SLOT) width=(SLOT) height=(HEIGHT) {
                            title {
                                (plot.moment(*at))
                                @for (name, value) in shown.names.iter().zip(said(place)) {
                                    "\n" (name) " " (value)
                                }
                            }
                        }
                    }
                }
                (shown.ends)
                @if empty { p class="nothing" { "Nothing in this time" } }
            }
            p class="axis" aria-hidden="true" {
                @for place in [0, count / 2, count.saturating_sub(1)] {
                    @if let Some(at) = plot.times.get(place) { span { (plot.moment(*at)) } }
                }
            }
            @if !marks.is_empty() {
                ul class="marks" {
                    @for (_, mark) in &marks { li { (plot.reader.at(mark.at)) " " (mark.text) } }
                }
            }
            @if !empty {
                div class="unseen" {
                    table {
                        caption { (plot.title) ", " (plot.reader.zone.name()) }
                        tr { th { "Time" } @for name in &shown.names { th { (name) } } }
                        @for (place, at) in plot.times.iter().enumerate() {
                            tr { th { (plot.moment(*at)) } @for value in said(place) { td { (value) } } }
                        }
                    }
                }
            }
        }
    }
}

impl<'a> Plot<'a> {
    /// The plot of a series.
    pub(super) fn of(
        title: &'a str,
        reader: &'a PageReader,
        data: &Series,
        marks: &'a [Mark],
    ) -> Self {
        Self {
            title,
            reader,
            times: data.points.iter().map(|point| point.at).collect(),
            step: data.step,
            marks,
        }
    }

    /// A point's time in the reader's zone, with its day where the range is longer than one.
    fn moment(&self, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.reader.zone);
        let days = self.step * i32::try_from(self.times.len()).unwrap_or(i32::MAX);
        let is_long = days > Duration::days(1);
        let format = if is_long { "%b %-d, %H:%M" } else { "%H:%M" };
        local.format(format).to_string()
    }

    /// The point in which a time falls.
    fn place(&self, at: DateTime<Utc>) -> Option<usize> {
        let place = self.times.iter().rposition(|from| *from <= at)?;
        (self.times.get(place).copied()? + self.step > at).then_some(place)
    }
}

/// The end of a scale: a round number, not below the highest value.
fn rounded_up(highest: f64) -> f64 {
    if highest <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let fitting = steps.into_iter().find(|step| step * power >= highest);
    fitting.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests;
