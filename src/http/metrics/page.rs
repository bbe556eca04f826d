//! The page that Prometheus reads: families of figures, written in its text format by its library.

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::actors::Distribution;

/// Microseconds in a second: the unit of times within Herald, in that of Prometheus.
pub(super) const MICROS: f64 = 1_000_000.0;

/// The labels of one series, in their order.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// The page, as it grows.
#[derive(Default)]
pub(super) struct Page(Vec<MetricFamily>);

impl Page {
    /// A figure that goes up and down, without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help).add(&[], value);
    }

    /// A figure that only grows, without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.counters(name, help).add(&[], value);
    }

    /// Figures that go up and down.
    pub(super) fn gauges(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// Figures that only grow.
    pub(super) fn counters(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// How often something fell into which part of a scale.
    pub(super) fn histograms(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Family {
            page: &mut self.0,
            family,
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
}

impl Family<'_> {
    /// Adds a series of a counter or gauge.
    pub(super) fn add(&mut self, labels: Labels<'_>, value: f64) {
        let mut metric = labelled(labels);
        if self.family.get_field_type() == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
    }

    /// Adds a series of a histogram; so many units of its values are one unit of Prometheus.
    pub(super) fn spread(&mut self, labels: Labels<'_>, values: &Distribution, units: f64) {
        let mut histogram = Histogram::default();
        let mut below = 0;
        let mut buckets = Vec::with_capacity(values.bounds.len());
        for (bound, count) in values.bounds.iter().zip(&values.counts) {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_cumulative_count(below);
            bucket.set_upper_bound(number(*bound) / units);
            buckets.push(bucket);
        }
        histogram.set_bucket(buckets);
        histogram.set_sample_count(values.counts.iter().sum());
        histogram.set_sample_sum(number(values.sum) / units);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
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
#[allow(
    clippy::cast_precision_loss,
    reason = "the format has floating-point numbers only"
)]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_in_order_with_times_in_seconds_and_whole_buckets() {
        let mut page = Page::default();
        let mut waits = page.histograms("b_seconds", "Waits.");
        let values = Distribution {
            bounds: &[500, 2_000_000],
            counts: vec![1, 2, 3],
            sum: 7_500_000,
        };
        waits.spread(&[("from", "row")], &values, MICROS);
        drop(waits);
        page.counter("a_total", "All.", 3.0);
        drop(page.gauges("nothing", "Nothing."));
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
