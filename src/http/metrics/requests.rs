//! HTTP requests by method, route and status, and how long they took until the head of the answer.
//! The route is a pattern of the table, so that no path that somebody makes up becomes a label.
//!
//! Each worker has figures of its own, and a lock that only somebody who reads them ever shares.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix_service::Service;
use actix_web::Error;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use futures_util::FutureExt;

use super::page::{MICROS, Page, number};
use crate::actors::Distribution;
use crate::http::access::Table;
use crate::http::connections::Connected;
use crate::http::malformed::{Malformed, Part};

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
        Self {
            counts: vec![0; TIMES.len() + 1],
            sum: 0,
        }
    }
}

/// One worker's figures.
pub(in crate::http) struct Worker {
    table: Table,
    answered: Mutex<Answered>,
}

impl Worker {
    fn answered(&self, place: usize, status: u16, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered.statuses.entry((place, status)).or_default() += 1;
        let times = answered.times.entry(place).or_default();
        let part = TIMES.partition_point(|bound| *bound < micros);
        if let Some(count) = times.counts.get_mut(part) {
            *count += 1;
        }
        times.sum = times.sum.wrapping_add(micros);
    }
}

/// The figures of all workers.
pub(in crate::http) struct Requests {
    table: Table,
    workers: Mutex<Vec<Arc<Worker>>>,
}

impl Requests {
    /// Nothing is answered yet of the routes of a table.
    pub(in crate::http) fn new(table: Table) -> Self {
        Self {
            table,
            workers: Mutex::default(),
        }
    }

    /// The figures of a worker that begins.
    pub(in crate::http) fn worker(&self) -> Arc<Worker> {
        let worker = Arc::new(Worker {
            table: self.table,
            answered: Mutex::default(),
        });
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.push(Arc::clone(&worker));
        worker
    }

    pub(super) fn tell(&self, page: &mut Page) {
        let mut statuses: BTreeMap<(usize, u16), u64> = BTreeMap::new();
        let mut times: BTreeMap<usize, Times> = BTreeMap::new();
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter() {
            let answered = worker
                .answered
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
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
        let mut requests = page.counters(
            "herald_http_requests_total",
            "Answered HTTP requests by route and status.",
        );
        for ((place, status), count) in statuses {
            let (method, route) = self.table.names(place);
            let labels = [
                ("method", method),
                ("route", route),
                ("status", &status.to_string()),
            ];
            requests.add(&labels, number(count));
        }
        drop(requests);
        let mut durations = page.histograms(
            "herald_http_request_duration_seconds",
            "How long requests took until the head of their answer.",
        );
        for (place, times) in times {
            let (method, route) = self.table.names(place);
            let values = Distribution {
                bounds: TIMES,
                counts: times.counts,
                sum: times.sum,
            };
            durations.spread(&[("method", method), ("route", route)], &values, MICROS);
        }
    }
}

/// Tells of the connections.
pub(super) fn connected(now: Connected, page: &mut Page) {
    let count = |open: usize| number(u64::try_from(open).unwrap_or(u64::MAX));
    page.gauge(
        "herald_http_connections",
        "Connections of clients that are open.",
        count(now.open),
    );
    page.gauge(
        "herald_http_connections_known",
        "Those of them whose caller is known.",
        count(now.known),
    );
    page.gauge(
        "herald_http_connections_limit",
        "How many there may be (max_connections).",
        count(now.limit),
    );
    let mut refused = page.counters(
        "herald_http_connections_refused_total",
        "Connections that were not let in: too many from one address, or in all.",
    );
    for (reason, count) in ["address", "all"].into_iter().zip(now.refused) {
        refused.add(&[("reason", reason)], number(count));
    }
    drop(refused);
    let mut sent_away = page.counters(
        "herald_http_connections_sent_away_total",
        "Connections that made room for others, by whether their caller was known.",
    );
    for (caller, count) in ["unknown", "known"].into_iter().zip(now.sent_away) {
        sent_away.add(&[("caller", caller)], number(count));
    }
}

/// How many requests could not be read.
pub(super) fn malformed(malformed: &Malformed, page: &mut Page) {
    let mut counters = page.counters(
        "herald_http_malformed_requests_total",
        "Requests that could not be read, by the part that is wrong.",
    );
    for (part, name) in Part::ALL {
        counters.add(&[("part", name)], number(malformed.of(part)));
    }
}

/// Counts a request when it is answered, around everything else that is done with it.
pub(in crate::http) fn measured<S, B>(
    worker: &Arc<Worker>,
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
        let mut page = Page::default();
        requests.tell(&mut page);
        let text = page.text().unwrap();
        let route = TABLE[0].pattern;
        for line in [
            format!(
                "herald_http_requests_total{{method=\"POST\",route=\"{route}\",status=\"202\"}} 2"
            ),
            "herald_http_requests_total{method=\"\",route=\"unknown\",status=\"404\"} 1".to_owned(),
            format!(
                "herald_http_request_duration_seconds_count{{method=\"POST\",route=\"{route}\"}} 4"
            ),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
