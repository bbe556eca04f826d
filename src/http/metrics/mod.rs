//! `/metrics`: figures for Prometheus, in its text format. Each group of figures is a function that
//! gives names to what the daemon keeps in memory: nothing here counts in the database or waits
//! for it.
//!
//! To add one, write it in the file of its kind. Its labels must be bounded: names of scripts (1,000
//! at most), words of an enum and routes are; ids are for those alone that `metrics_subscriptions`
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

use self::page::{Page, figures};
use self::process::Process;
use super::problem::{Kind, Problem};
use super::reply::Text;
use super::shared::Shared;
use crate::service::request;

pub(super) use self::requests::{Requests, measured};

pub(super) async fn show(shared: Data<Shared>, request: HttpRequest) -> Result<Text, Problem> {
    if let Some(token) = &shared.rules.get().metrics_token {
        let given = request.headers().get(AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok());
        if !given.is_some_and(|given| token.is_named_by(given)) {
            let detail = "Reading the metrics takes the token of the setting metrics_token: \
                          `Authorization: Bearer …`.";
            return Err(Problem::new(Kind::Unauthorized, detail));
        }
    }
    // The kernel may take its time to count a large process.
    let process = web::block(Process::read).await.ok().flatten();
    let text = text(&shared, process.as_ref()).map_err(|error| {
        let request_id = request::id().map(tracing::field::display);
        tracing::error!(request_id, %error, "the metrics cannot be written");
        let detail = "The operator finds the cause in Herald's log.";
        Problem::new(Kind::Internal, detail)
    })?;
    Ok(Text {
        media_type: TEXT_FORMAT,
        text,
    })
}

fn text(shared: &Shared, process: Option<&Process>) -> prometheus::Result<String> {
    // A page for each answer: what is gone (a script) is gone from the figures as well.
    let mut page = Page::default();
    figures! { page:
        gauge "herald_build_info" by "version" = [(env!("CARGO_PKG_VERSION"), 1.0)],
            "The version of Herald.";
    }
    let figures = shared.engine.figures();
    deliveries::tell(&figures, &mut page);
    parts::tell(&figures, &mut page);
    plugins::tell(&shared.engine.plugins().list(None), &mut page);
    shared.requests.tell(&mut page);
    requests::connected(shared.connections.now(), &mut page);
    requests::malformed(&shared.malformed, &mut page);
    if let Some(process) = process {
        process.tell(&mut page);
    }
    page.text()
}
