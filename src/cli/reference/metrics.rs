//! `metrics.md`: every family of metrics, with its labels.

use super::markdown::{begin, code, sentence, table};
use crate::http::reference;

const INTRO: &str = "\
`GET /metrics` returns these metrics in Prometheus' text format. [Metrics and \
logs](../operating/metrics.md) sets Prometheus up, with alerts and a dashboard. It also says \
what to take of [two daemons](../operating/metrics.md#with-two-daemons), and which webhooks and \
accounts have [series of their \
own](../operating/metrics.md#metrics-by-subscription-and-account).

- A metric appears once it has a value: those of plugins need a plugin, for example.
- A label `route` is a pattern of the [HTTP API](http.md) or of the pages, such as \
`/v1/events/{id}`, or `unknown`.
- Attempts do not include tests and deliveries by mail. The metrics of mails include the latter.
";

pub(super) fn page() -> String {
    let mut text = begin("Metrics", INTRO);
    let rows = reference::metrics().into_iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
        [
            code(metric.name),
            metric.kind.as_str().to_owned(),
            labels.join(", "),
            sentence(metric.help),
        ]
    });
    text.push_str(&table(["metric", "type", "labels", "meaning"], rows));
    text
}
