//! The page that Prometheus reads: families of metrics, written in its text format by its library.

use std::fmt::Display;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::actors::Distribution;

/// Microseconds in a second: the unit of times within Herald, in that of Prometheus.
const MICROS: f64 = 1_000_000.0;

/// Declares a table of families that one view fills, each as `kind "name" = value, "help";`. Those
/// with a label are `kind "name" by "label" = series, "help";`: series are pairs of what the label
/// says, and the value; with several labels, of an array of what each says. The families of a table
/// with `if pattern = source` are there only while the pattern matches.
macro_rules! metrics {
    (
        $(#[doc = $doc:literal])*
        $table:ident of $view:ident: $View:ty, if $pattern:pat = $source:expr;
        $($rows:tt)+
    ) => {
        metrics! { @table
            $(#[doc = $doc])*
            $table $view [$View] {
                #[allow(unused_variables, reason = "each family takes what it needs of it")]
                let $pattern = $source else { return };
            } $($rows)+
        }
    };
    (
        $(#[doc = $doc:literal])*
        $table:ident of $view:ident: $View:ty;
        $($rows:tt)+
    ) => {
        metrics! { @table
            $(#[doc = $doc])*
            $table $view [$View] {} $($rows)+
        }
    };
    (@table
        $(#[doc = $doc:literal])*
        $table:ident $view:ident [$View:ty] $guard:tt
        $($kind:ident $name:literal $(by $($label:literal)+)? = $value:expr, $help:literal;)+
    ) => {
        $(#[doc = $doc])*
        pub(super) const $table: $crate::http::metrics::page::Families<$View> =
            $crate::http::metrics::page::Families {
                all: &[$($crate::http::metrics::page::FamilyOf::<$View> {
                    row: $crate::http::metrics::page::MetricRow {
                        name: $name,
                        kind: metrics!(@kind $kind),
                        labels: &[$($($label),+)?],
                        help: $help,
                    },
                    fill: |$view, family| {
                        // A row whose value is a constant asks for nothing.
                        let _ = $view;
                        metrics!(@fill $guard family $value $(, $($label)+)?)
                    },
                },)+],
            };
    };
    (@kind gauge) => { $crate::http::metrics::page::MetricKind::Gauge };
    (@kind counter) => { $crate::http::metrics::page::MetricKind::Counter };
    (@kind histogram) => { $crate::http::metrics::page::MetricKind::Histogram };
    (@kind times) => { $crate::http::metrics::page::MetricKind::Times };
    (@fill {$($guard:tt)*} $family:ident $value:expr) => {{
        $($guard)*
        $family.only($value)
    }};
    (@fill {$($guard:tt)*} $family:ident $value:expr, $label:literal) => {{
        $($guard)*
        $family.each($value)
    }};
    (@fill {$($guard:tt)*} $family:ident $value:expr, $($label:literal)+) => {{
        $($guard)*
        $family.each_of($value)
    }};
}
pub(super) use metrics;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    /// What goes up and down.
    Gauge,
    /// What only grows.
    Counter,
    /// How often something fell into which part of a scale.
    Histogram,
    /// The same for times in microseconds, reported in seconds.
    Times,
}

impl MetricKind {
    /// Its name in Prometheus' format.
    #[must_use]
    #[cfg(test)]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram | Self::Times => "histogram",
        }
    }

    const fn of_prometheus(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::GAUGE,
            Self::Counter => MetricType::COUNTER,
            Self::Histogram | Self::Times => MetricType::HISTOGRAM,
        }
    }

    /// So many units of a distribution are one of Prometheus.
    const fn units(self) -> f64 {
        match self {
            Self::Times => MICROS,
            _ => 1.0,
        }
    }
}

/// What is known of a family before it has any value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricRow {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// The labels of each series.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

/// A family, and what fills it from a view.
pub(in crate::http) struct FamilyOf<V: ?Sized + 'static> {
    pub row: MetricRow,
    pub fill: fn(&V, Family<'_>),
}

/// The families that one view fills.
pub(in crate::http) struct Families<V: ?Sized + 'static> {
    pub all: &'static [FamilyOf<V>],
}

impl<V: ?Sized + 'static> Families<V> {
    /// What is known of them without a view.
    #[cfg(test)]
    pub(super) fn rows(self) -> impl Iterator<Item = MetricRow> {
        self.all.iter().map(|family| family.row)
    }
}

/// What one series has.
pub(super) enum SeriesValue<'a> {
    Number(f64),
    Spread(&'a Distribution),
}

impl From<f64> for SeriesValue<'_> {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u64> for SeriesValue<'_> {
    fn from(count: u64) -> Self {
        Self::Number(number(count))
    }
}

impl<'a> From<&'a Distribution> for SeriesValue<'a> {
    fn from(values: &'a Distribution) -> Self {
        Self::Spread(values)
    }
}

/// The page, as it grows.
#[derive(Default)]
pub(super) struct MetricsPage(Vec<MetricFamily>);

impl MetricsPage {
    /// Adds families as a view fills them.
    pub(super) fn add<V: ?Sized + 'static>(&mut self, families: Families<V>, view: &V) {
        for family in families.all {
            (family.fill)(view, self.family(family.row));
        }
    }

    fn family(&mut self, row: MetricRow) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(row.name.to_owned());
        family.set_help(row.help.to_owned());
        family.set_field_type(row.kind.of_prometheus());
        Family {
            page: &mut self.0,
            family,
            row,
        }
    }

    /// The text, in the order of the names.
    pub(super) fn text(mut self) -> prometheus::Result<String> {
        self.0.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new().encode_to_string(&self.0)
    }
}

/// One family, which joins the page when it is complete. A family of nothing stays away: the
/// format has no place for it.
pub(in crate::http) struct Family<'a> {
    page: &'a mut Vec<MetricFamily>,
    family: MetricFamily,
    row: MetricRow,
}

impl Family<'_> {
    /// The one value of a family without labels.
    pub(super) fn only<'v>(mut self, value: impl Into<SeriesValue<'v>>) {
        self.push(&[], value.into());
    }

    /// A series for each value of the label.
    pub(super) fn each<'v, L: Display, V: Into<SeriesValue<'v>>>(
        mut self,
        series: impl IntoIterator<Item = (L, V)>,
    ) {
        for (of, value) in series {
            self.push(&[of.to_string()], value.into());
        }
    }

    /// A series for each combination of the labels' values.
    pub(super) fn each_of<'v, const N: usize, L: Display, V: Into<SeriesValue<'v>>>(
        mut self,
        series: impl IntoIterator<Item = ([L; N], V)>,
    ) {
        for (of, value) in series {
            self.push(&of.map(|it| it.to_string()), value.into());
        }
    }

    fn push(&mut self, of: &[String], value: SeriesValue<'_>) {
        let mut metric = labelled(self.row.labels, of);
        match value {
            SeriesValue::Number(value) if self.row.kind == MetricKind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            SeriesValue::Number(value) => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            SeriesValue::Spread(values) => {
                metric.set_histogram(histogram(values, self.row.kind.units()));
            }
        }
        self.family.mut_metric().push(metric);
    }
}

impl Drop for Family<'_> {
    fn drop(&mut self) {
        if !self.family.get_metric().is_empty() {
            self.page.push(std::mem::take(&mut self.family));
        }
    }
}

fn histogram(values: &Distribution, units: f64) -> Histogram {
    let mut below = 0;
    let mut buckets = Vec::with_capacity(values.bounds.len());
    for (bound, count) in values.bounds.iter().zip(&values.counts) {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_cumulative_count(below);
        bucket.set_upper_bound(number(*bound) / units);
        buckets.push(bucket);
    }
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(values.counts.iter().sum());
    histogram.set_sample_sum(number(values.sum) / units);
    histogram
}

fn labelled(labels: &[&str], of: &[String]) -> Metric {
    let pair = |(name, value): (&&str, &String)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    };
    Metric::from_label(labels.iter().zip(of).map(pair).collect())
}

/// A count as Prometheus has it: exact up to 2^53.
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) struct Sample {
        waits: Distribution,
        pairs: Vec<([&'static str; 2], u64)>,
        nothing: Option<u64>,
    }

    metrics! { FAMILIES of sample: Sample;
        times "b_seconds" by "from" = [("row", &sample.waits)], "Waits.";
        counter "a_total" = 3.0, "All.";
        gauge "c" by "of" "to" = sample.pairs.iter().copied(), "Pairs.";
        gauge "empty" by "of" = [("", 0.0); 0], "None of them.";
    }
    metrics! { NOTHING of sample: Sample, if Some(nothing) = sample.nothing;
        gauge "nothing" = nothing, "Nothing.";
    }

    #[test]
    fn families_are_written_in_order_with_times_in_seconds_and_whole_buckets() {
        let mut page = MetricsPage::default();
        let sample = Sample {
            waits: Distribution {
                bounds: &[500, 2_000_000],
                counts: vec![1, 2, 3],
                sum: 7_500_000,
            },
            pairs: vec![(["x", "y"], 1)],
            nothing: None,
        };
        page.add(FAMILIES, &sample);
        page.add(NOTHING, &sample);
        assert_eq!(
            page.text().unwrap(),
            "# HELP a_total All.\n# TYPE a_total counter\na_total 3\n\
             # HELP b_seconds Waits.\n# TYPE b_seconds histogram\n\
             b_seconds_bucket{from=\"row\",le=\"0.0005\"} 1\n\
             b_seconds_bucket{from=\"row\",le=\"2\"} 3\n\
             b_seconds_bucket{from=\"row\",le=\"+Inf\"} 6\n\
             b_seconds_sum{from=\"row\"} 7.5\n\
             b_seconds_count{from=\"row\"} 6\n\
             # HELP c Pairs.\n# TYPE c gauge\nc{of=\"x\",to=\"y\"} 1\n"
        );
        let names = FAMILIES.rows().chain(NOTHING.rows()).map(|row| row.name);
        let names: Vec<&str> = names.collect();
        assert_eq!(names, ["b_seconds", "a_total", "c", "empty", "nothing"]);
    }
}
