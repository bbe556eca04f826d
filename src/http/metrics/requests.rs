//! HTTP requests by method, route and status, and how long they took until the head of the answer.
//! The route is a pattern of the table, so that no path that somebody makes up becomes a label.
//!
//! Each worker has metrics of its own, and a lock that only readers of the metrics ever share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix_service::Service;
use actix_web::Error;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use futures_util::FutureExt;

use super::page::metrics;
use crate::actors::Distribution;
use crate::http::access::Table;
use crate::http::connections::Connected;
use crate::http::malformed::{Malformed, MalformedPart};

/// Times in microseconds.
const TIMES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// What has no line in the table: unknown paths and methods.
const UNKNOWN: usize = usize::MAX;

/// What one worker answered.
#[derive(Default)]
struct Answered {
    /// By the place of the route in the table, and the status.
    statuses: HashMap<(usize, u16), u64>,
    times: HashMap<usize, Times>,
}

#[derive(Clone)]
struct Times {
    counts: Vec<u64>,
    sum: u64,
}

impl Default for Times {
    fn default() -> Self {
        let counts = vec![0; TIMES.len() + 1];
        Self { counts, sum: 0 }
    }
}

/// One worker's metrics.
pub(in crate::http) struct WorkerMetrics {
    table: Table,
    answered: Mutex<Answered>,
}

impl WorkerMetrics {
    fn answered(&self, place: usize, status: u16, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut answered = self.locked();
        *answered.statuses.entry((place, status)).or_default() += 1;
        let times = answered.times.entry(place).or_default();
        let part = TIMES.partition_point(|bound| *bound < micros);
        if let Some(count) = times.counts.get_mut(part) {
            *count += 1;
        }
        times.sum = times.sum.wrapping_add(micros);
    }

    fn locked(&self) -> MutexGuard<'_, Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metrics of all workers.
pub(in crate::http) struct Requests {
    table: Table,
    workers: Mutex<Vec<Arc<WorkerMetrics>>>,
}

impl Requests {
    /// Nothing is answered yet of the routes of a table.
    pub(in crate::http) fn new(table: Table) -> Self {
        let workers = Mutex::default();
        Self { table, workers }
    }

    /// The metrics of a worker that begins.
    pub(in crate::http) fn worker(&self) -> Arc<WorkerMetrics> {
        let (table, answered) = (self.table, Mutex::default());
        let worker = Arc::new(WorkerMetrics { table, answered });
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.push(Arc::clone(&worker));
        worker
    }

    /// What all workers answered together.
    pub(super) fn totals(&self) -> RequestTotals {
        let mut statuses: BTreeMap<(usize, u16), u64> = BTreeMap::new();
        let mut times: BTreeMap<usize, Times> = BTreeMap::new();
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter() {
            let answered = worker.locked();
            for (key, number) in &answered.statuses {
                *statuses.entry(*key).or_default() += number;
            }
            for (place, more) in &answered.times {
                let all = times.entry(*place).or_default();
                for (count, more) in all.counts.iter_mut().zip(&more.counts) {
                    *count += more;
                }
                all.sum = all.sum.wrapping_add(more.sum);
            }
        }
        let spread = |Times { counts, sum }| Distribution {
            bounds: TIMES,
            counts,
            sum,
        };
        let times = times.into_iter();
        RequestTotals {
            table: self.table,
            statuses,
            times: times.map(|(place, it)| (place, spread(it))).collect(),
        }
    }
}

/// What all workers answered.
pub(super) struct RequestTotals {
    table: Table,
    /// By the place of the route in the table, and the status.
    statuses: BTreeMap<(usize, u16), u64>,
    times: BTreeMap<usize, Distribution>,
}

impl RequestTotals {
    fn answered(&self) -> impl Iterator<Item = ([String; 3], u64)> {
        let statuses = self.statuses.iter();
        statuses.map(move |((place, status), count)| {
            let [method, route] = self.route(*place).map(str::to_owned);
            ([method, route, status.to_string()], *count)
        })
    }

    fn durations(&self) -> impl Iterator<Item = ([&'static str; 2], &Distribution)> {
        let times = self.times.iter();
        times.map(move |(place, values)| (self.route(*place), values))
    }

    fn route(&self, place: usize) -> [&'static str; 2] {
        let (method, route) = self.table.names(place);
        [method, route]
    }
}

metrics! { REQUESTS of totals: RequestTotals;
    counter "herald_http_requests_total" by "method" "route" "status" = totals.answered(),
        "Answered HTTP requests by route and status.";
    times "herald_http_request_duration_seconds" by "method" "route" = totals.durations(),
        "How long requests took until the head of their answer.";
}

metrics! { CONNECTIONS of now: Connected;
    gauge "herald_http_connections" = now.open as u64,
        "Connections of clients that are open.";
    gauge "herald_http_connections_known" = now.known as u64,
        "Those of them whose caller is known.";
    gauge "herald_http_connections_limit" = now.limit as u64,
        "How many there may be (max_connections).";
    counter "herald_http_connections_refused_total" by "reason" =
        [("address", now.refused_by_address), ("all", now.refused_in_all)],
        "Connections that were not let in: too many from one address, or in all.";
    counter "herald_http_connections_sent_away_total" by "caller" =
        [("unknown", now.strangers_sent_away), ("known", now.callers_sent_away)],
        "Connections that made room for others, by whether their caller was known.";
}

metrics! { MALFORMED of malformed: Malformed;
    counter "herald_http_malformed_requests_total" by "part" =
        MalformedPart::ALL.map(|(part, name)| (name, malformed.of(part))),
        "Requests that could not be read, by the part that is wrong.";
}

#[cfg(test)]
pub(super) fn families() -> impl Iterator<Item = super::page::MetricRow> {
    let requests = REQUESTS.rows().chain(CONNECTIONS.rows());
    requests.chain(MALFORMED.rows())
}

/// Counts a request when it is answered, around everything else that is done with it.
pub(in crate::http) fn measured<S, B>(
    worker: &Arc<WorkerMetrics>,
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    let begun = Instant::now();
    let worker = Arc::clone(worker);
    let place = worker.table.place(&request).unwrap_or(UNKNOWN);
    // What is asked about a path without variable parts costs no allocation.
    service.call(request).map(move |answered| {
        let status = match &answered {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        worker.answered(place, status.as_u16(), begun);
        answered
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::metrics::page::MetricsPage;
    use crate::http::routes::TABLE;

    #[test]
    fn what_two_workers_answered_is_told_together_and_the_unknown_has_one_route() {
        let requests = Requests::new(Table(TABLE));
        let workers = [requests.worker(), requests.worker()];
        let begun = Instant::now();
        for worker in &workers {
            worker.answered(0, 202, begun);
            worker.answered(0, 422, begun);
        }
        workers[1].answered(UNKNOWN, 404, begun);
        let mut page = MetricsPage::default();
        page.add(REQUESTS, &requests.totals());
        let text = page.text().unwrap();
        let route = TABLE[0].pattern;
        for line in [
            r#"herald_http_requests_total{method="POST",route="ROUTE",status="202"} 2"#,
            r#"herald_http_requests_total{method="",route="unknown",status="404"} 1"#,
            r#"herald_http_request_duration_seconds_count{method="POST",route="ROUTE"} 4"#,
        ] {
            let line = line.replace("ROUTE", route);
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
