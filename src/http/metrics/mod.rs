//! `/metrics`: metrics for Prometheus, in its text format. Each group of metrics is a table that
//! gives names to what the daemon keeps in memory: nothing here counts in the database or waits
//! for it. The reference is made from the same tables.
//!
//! To add one, write it in the table of its kind. Its labels must be bounded: names of scripts (1,000
//! at most), values of an enum and routes are; ids are for those alone that `metrics_subscriptions`
//! gives a place.

mod deliveries;
mod page;
mod parts;
mod plugins;
mod process;
mod requests;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, Data};
use prometheus::TEXT_FORMAT;

use self::page::{MetricsPage, metrics};
use self::process::Process;
use super::problem::{ProblemDetails, ProblemKind};
use super::reply::PlainText;
use super::shared::ServerContext;
use crate::service::request;

pub(super) use self::requests::{Requests, measured};

metrics! { BUILD of _nothing: ();
    gauge "herald_build_info" by "version" = [(env!("CARGO_PKG_VERSION"), 1.0)],
        "The version of Herald.";
}

/// Every family that `/metrics` may have, by name.
#[cfg(test)]
pub(crate) fn families() -> Vec<page::MetricRow> {
    let mut all: Vec<page::MetricRow> = BUILD.rows().collect();
    all.extend(deliveries::families());
    all.extend(parts::families());
    all.extend(plugins::PLUGINS.rows());
    all.extend(requests::families());
    all.extend(process::families());
    all.sort_by_key(|row| row.name);
    all
}

pub(super) async fn show(
    shared: Data<ServerContext>,
    request: HttpRequest,
) -> Result<PlainText, ProblemDetails> {
    if let Some(token) = &shared.rules.get().metrics_token {
        let given = request.headers().get(AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok());
        if !given.is_some_and(|given| token.is_named_by(given)) {
            let detail = "Reading the metrics takes the token of the setting metrics_token: \
                          `Authorization: Bearer …`.";
            return Err(ProblemDetails::new(ProblemKind::Unauthorized, detail));
        }
    }
    // The kernel may take its time to count a large process.
    let process = web::block(Process::read).await.ok().flatten();
    let text = text(&shared, process.as_ref()).map_err(|error| {
        let request_id = request::id().map(tracing::field::display);
        tracing::error!(request_id, %error, "the metrics cannot be written");
        let detail = "The operator finds the cause in Herald's log.";
        ProblemDetails::new(ProblemKind::Internal, detail)
    })?;
    Ok(PlainText {
        media_type: TEXT_FORMAT,
        text,
    })
}

fn text(shared: &ServerContext, process: Option<&Process>) -> prometheus::Result<String> {
    // A page for each answer: what is gone (a script) is gone from the metrics as well.
    let mut page = MetricsPage::default();
    page.add(BUILD, &());
    let metrics = shared.engine.metrics();
    deliveries::write(&metrics, &mut page);
    parts::write(&metrics, &mut page);
    let reports = shared.engine.plugins().list(None);
    page.add(plugins::PLUGINS, reports.as_slice());
    page.add(requests::REQUESTS, &shared.requests.totals());
    page.add(requests::CONNECTIONS, &shared.connections.now());
    page.add(requests::MALFORMED, &shared.malformed);
    if let Some(process) = process {
        process.write(&mut page);
    }
    page.text()
}
