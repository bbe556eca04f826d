//! The page that Prometheus reads: families of figures, written in its text format by its library.

use std::fmt::Display;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::actors::Distribution;

/// Microseconds in a second: the unit of times within Herald, in that of Prometheus.
const MICROS: f64 = 1_000_000.0;

/// Tells figures, each as `kind "name" = value, "help";`. Those of a family stand as
/// `kind "name" by "label" = series, "help";`, in which the series are pairs: what the label says,
/// and the value.
macro_rules! figures {
    ($page:ident:
     $($kind:ident $name:literal $(by $label:literal)? = $value:expr, $help:literal;)+) => {
        $(figures!(@ $page.$kind($name, $help), $(by $label,)? $value);)+
    };
    (@ $family:expr, by $label:literal, $series:expr) => { $family.each($label, $series) };
    (@ $family:expr, $value:expr) => { $family.add(&[], $value) };
}
pub(super) use figures;

/// The labels of one series, in their order.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// What one series has.
pub(super) enum Value<'a> {
    Number(f64),
    Spread(&'a Distribution),
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u64> for Value<'_> {
    fn from(count: u64) -> Self {
        Self::Number(number(count))
    }
}

impl<'a> From<&'a Distribution> for Value<'a> {
    fn from(values: &'a Distribution) -> Self {
        Self::Spread(values)
    }
}

/// The page, as it grows.
#[derive(Default)]
pub(super) struct Page(Vec<MetricFamily>);

impl Page {
    /// What goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE, 1.0)
    }

    /// What only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER, 1.0)
    }

    /// How often something fell into which part of a scale.
    pub(super) fn histogram(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM, 1.0)
    }

    /// The same for times in microseconds, reported in seconds.
    pub(super) fn times(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM, MICROS)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType, units: f64) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Family {
            page: &mut self.0,
            family,
            units,
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
pub(super) struct Family<'a> {
    page: &'a mut Vec<MetricFamily>,
    family: MetricFamily,
    /// So many units of a distribution are one of Prometheus.
    units: f64,
}

impl Family<'_> {
    /// Adds a series.
    pub(super) fn add<'v>(&mut self, labels: Labels<'_>, value: impl Into<Value<'v>>) {
        let mut metric = labelled(labels);
        match value.into() {
            Value::Number(value) if self.family.get_field_type() == MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Value::Number(value) => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            Value::Spread(values) => metric.set_histogram(histogram(values, self.units)),
        }
        self.family.mut_metric().push(metric);
    }

    /// Adds a series for each value of a label.
    pub(super) fn each<'v, L: Display, V: Into<Value<'v>>>(
        mut self,
        label: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) {
        for (of, value) in series {
            self.add(&[(label, &of.to_string())], value);
        }
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

fn labelled(labels: Labels<'_>) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

/// A count as Prometheus has it: exact up to 2^53.
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_in_order_with_times_in_seconds_and_whole_buckets() {
        let mut page = Page::default();
        let values = Distribution {
            bounds: &[500, 2_000_000],
            counts: vec![1, 2, 3],
            sum: 7_500_000,
        };
        figures! { page:
            times "b_seconds" by "from" = [("row", &values)], "Waits.";
            counter "a_total" = 3.0, "All.";
        }
        drop(page.gauge("nothing", "Nothing."));
        assert_eq!(
            page.text().unwrap(),
            "# HELP a_total All.\n# TYPE a_total counter\na_total 3\n\
             # HELP b_seconds Waits.\n# TYPE b_seconds histogram\n\
             b_seconds_bucket{from=\"row\",le=\"0.0005\"} 1\n\
             b_seconds_bucket{from=\"row\",le=\"2\"} 3\n\
             b_seconds_bucket{from=\"row\",le=\"+Inf\"} 6\n\
             b_seconds_sum{from=\"row\"} 7.5\n\
             b_seconds_count{from=\"row\"} 6\n"
        );
    }
}
