//! The first page: whether all is well, and if not, what to do; then how much came in and went
//! out, how quickly, and what waits. Nothing here counts over the logs.

mod attention;
pub(super) mod figures;

use std::sync::Arc;

use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};

use super::frame::Nav;
use super::range::Range;
use super::visit::{Submission, Visit};
use super::{PageResult, Trouble, layout, query};
use crate::domain::id::MAIN_ACCOUNT;
use crate::http::shared::Shared;
use crate::service::callers::Caller;
use crate::store::attention::{self as store, Open};
use crate::store::{StoreError, audit, stat};

/// Whether a page is wanted, and not JSON.
#[must_use]
pub(in crate::http) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    accept.is_some_and(|value| value.to_str().is_ok_and(|it| it.contains("text/html")))
}

/// The page, or the way to the sign-in. The path is public, because it tells others what answers
/// here.
///
/// # Errors
/// The request names another host, or the database is away.
pub(in crate::http) async fn show(shared: &Shared, request: &HttpRequest) -> PageResult {
    let Some(signed_in) = shared.sessions.find(request).await? else {
        return Ok(layout::go_to("/sign-in").finish());
    };
    let caller = Caller::user(Arc::clone(&signed_in.session));
    let visit = Visit::new(request, shared, caller, signed_in);
    // Its many questions make the future large.
    Box::pin(page(shared, request, &visit)).await
}

async fn page(shared: &Shared, request: &HttpRequest, visit: &Visit) -> PageResult {
    let mut query = query(request);
    let range = Range::take(&mut query);
    query.finish()?;
    let (database, account) = (shared.engine.database(), visit.account);
    let (step, points) = range.steps();
    let (series, open, failing, halted, audits) = tokio::try_join!(
        stat::series(database, account, None, visit.reader.now, step, points),
        store::open(database, account),
        store::failing(database, account, None, attention::SHOWN),
        store::halted(database, account, attention::SHOWN),
        audits(shared, visit),
    )?;
    let found = attention::Found {
        failing: &failing,
        halted: &halted,
        plugins: &shared.engine.plugins().list(Some(account)),
        open: &open,
        audits: &audits,
    };
    let new = open.webhooks == 0 || open.events == 0;
    let body = html! {
        @if new { (first_steps(visit, &open)) }
        @if !new || open.loop_at.is_some() { (attention::section(visit, &found)) }
        (figures::section(shared, visit, range, &series, &open, &audits))
    };
    let page = visit.page(Nav::Overview, "Overview", "");
    Ok(page.action(range.links("/")).show(&body))
}

/// The audits that concern the reader: of their account, and of the whole server for operators;
/// the newest first.
async fn audits(shared: &Shared, visit: &Visit) -> Result<Vec<figures::Audited>, StoreError> {
    let database = shared.engine.database();
    let mut found = Vec::new();
    let own = audit::last(database, Some(visit.account)).await?;
    found.extend(own.map(|audit| figures::Audited {
        audit,
        whole: false,
    }));
    if oversees(visit) {
        let whole = audit::last(database, None).await?;
        found.extend(whole.map(|audit| figures::Audited { audit, whole: true }));
    }
    found.sort_by_key(|audited| std::cmp::Reverse(audited.audit.as_of));
    Ok(found)
}

/// Whether the reader is an operator of the whole server.
fn oversees(visit: &Visit) -> bool {
    visit.is_admin() && visit.account == MAIN_ACCOUNT
}

/// What somebody who just installed Herald does next.
fn first_steps(visit: &Visit, open: &Open) -> Markup {
    let (hook, event) = (open.webhooks > 0, open.events > 0);
    let steps: [(bool, Markup); 3] = [
        (
            hook,
            html! { a href="/webhooks/new" { "Add a webhook" } ": where Herald shall deliver, and which events." },
        ),
        (
            event,
            html! { a href="/events" { "Publish an event" } ": the reference has an example of each." },
        ),
        (
            false,
            html! { a href="/deliveries" { "See it arrive" } ": each delivery tells what was sent and answered." },
        ),
    ];
    html! {
        section class="panel" {
            h2 { "Three steps to the first delivery" }
            @if !visit.is_admin() && !hook { p { "Ask an admin of this account for the first." } }
            ol class="steps" {
                @for (done, step) in &steps {
                    li class=[done.then_some("is-done")] {
                        (step)
                        @if *done { " " (super::ui::badge(super::ui::Tone::Sent, "Done")) }
                    }
                }
            }
        }
    }
}

/// Begins an audit in the background: of the whole server for its operators, else of the account.
///
/// # Errors
/// The form is not Herald's own.
pub(in crate::http) async fn begin_audit(
    shared: Data<Shared>,
    submission: Submission,
) -> Result<HttpResponse, Trouble> {
    let visit = &submission.visit;
    let account = (!oversees(visit)).then_some(visit.account);
    let begun = shared.engine.begin_audit(account);
    let key = if begun { "audit-begun" } else { "audit-runs" };
    Ok(layout::go_to(format!("/?done={key}")).finish())
}
