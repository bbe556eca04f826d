//! HTTP requests by method, route and status, and how long they took until the head of the answer.
//! The route is a pattern of the table, so that no path that somebody makes up becomes a label.
//!
//! Each worker has figures of its own, and a lock that only somebody who reads them ever shares.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix_service::Service;
use actix_web::Error;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use futures_util::FutureExt;

use super::page::{Page, figures};
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
        let counts = vec![0; TIMES.len() + 1];
        Self { counts, sum: 0 }
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

/// The figures of all workers.
pub(in crate::http) struct Requests {
    table: Table,
    workers: Mutex<Vec<Arc<Worker>>>,
}

impl Requests {
    /// Nothing is answered yet of the routes of a table.
    pub(in crate::http) fn new(table: Table) -> Self {
        let workers = Mutex::default();
        Self { table, workers }
    }

    /// The figures of a worker that begins.
    pub(in crate::http) fn worker(&self) -> Arc<Worker> {
        let (table, answered) = (self.table, Mutex::default());
        let worker = Arc::new(Worker { table, answered });
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.push(Arc::clone(&worker));
        worker
    }

    pub(super) fn tell(&self, page: &mut Page) {
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
        let help = "Answered HTTP requests by route and status.";
        let mut requests = page.counter("herald_http_requests_total", help);
        for ((place, status), count) in statuses {
            let (method, route) = self.table.names(place);
            let status = status.to_string();
            let labels = [("method", method), ("route", route), ("status", &status)];
            requests.add(&labels, count);
        }
        drop(requests);
        let help = "How long requests took until the head of their answer.";
        let mut durations = page.times("herald_http_request_duration_seconds", help);
        for (place, times) in times {
            let (method, route) = self.table.names(place);
            let values = Distribution {
                bounds: TIMES,
                counts: times.counts,
                sum: times.sum,
            };
            durations.add(&[("method", method), ("route", route)], &values);
        }
    }
}

/// Tells of the connections.
pub(super) fn connected(now: Connected, page: &mut Page) {
    figures! { page:
        gauge "herald_http_connections" = now.open as u64,
            "Connections of clients that are open.";
        gauge "herald_http_connections_known" = now.known as u64,
            "Those of them whose caller is known.";
        gauge "herald_http_connections_limit" = now.limit as u64,
            "How many there may be (max_connections).";
        counter "herald_http_connections_refused_total" by "reason" =
            ["address", "all"].into_iter().zip(now.refused),
            "Connections that were not let in: too many from one address, or in all.";
        counter "herald_http_connections_sent_away_total" by "caller" =
            ["unknown", "known"].into_iter().zip(now.sent_away),
            "Connections that made room for others, by whether their caller was known.";
    }
}

/// How many requests could not be read.
pub(super) fn malformed(malformed: &Malformed, page: &mut Page) {
    figures! { page:
        counter "herald_http_malformed_requests_total" by "part" =
            Part::ALL.map(|(part, name)| (name, malformed.of(part))),
            "Requests that could not be read, by the part that is wrong.";
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
            r#"herald_http_requests_total{method="POST",route="ROUTE",status="202"} 2"#,
            r#"herald_http_requests_total{method="",route="unknown",status="404"} 1"#,
            r#"herald_http_request_duration_seconds_count{method="POST",route="ROUTE"} 4"#,
        ] {
            let line = line.replace("ROUTE", route);
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
