//! The first page: whether all is well, and if not, what to do; then how much came in and went
//! out, how quickly, and what is waiting. Nothing here counts over the logs.

mod attention;
pub(super) mod figures;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;
use actix_web::web::Data;

use self::figures::Audited;
use super::prelude::*;
use super::range::ChartRange;
use crate::domain::id::MAIN_ACCOUNT;
use crate::service::callers::Caller;
use crate::store::attention::{self as store, Open};
use crate::store::{audit, stat};

/// Whether a page is wanted, and not JSON.
#[must_use]
pub(crate) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    accept.is_some_and(|value| value.to_str().is_ok_and(|it| it.contains("text/html")))
}

/// The page, or the way to the sign-in. The path is public, because it tells others than browsers
/// what is served here.
///
/// # Errors
/// The request names another host, or the database is away.
pub(crate) async fn show(shared: &Data<ServerContext>, request: &HttpRequest) -> PageResult {
    let Some(signed_in) = shared.sessions.find(request).await? else {
        return Ok(layout::go_to("/sign-in").finish());
    };
    let caller = Caller::user(Arc::clone(&signed_in.session));
    let visit = Visit::new(request, shared, caller, signed_in);
    // Its many queries make the future large.
    Box::pin(page(&visit)).await
}

async fn page(visit: &Visit) -> PageResult {
    let mut query = visit.query();
    let range = ChartRange::take(&mut query);
    query.finish()?;
    let (database, account) = (visit.database(), visit.account);
    let (step, points) = range.steps();
    let (series, open, failing, halted, audits) = tokio::try_join!(
        stat::series(database, account, None, visit.reader.now, step, points),
        store::open(database, account),
        store::failing(database, account, None, attention::SHOWN),
        store::halted(database, account, attention::SHOWN),
        audits(visit),
    )?;
    let found = attention::AttentionItems {
        failing: &failing,
        halted: &halted,
        plugins: &visit.engine().plugins().list(Some(account)),
        open: &open,
        audits: &audits,
    };
    let new = open.webhooks == 0 || open.events == 0;
    let body = html! {
        @if new { (first_steps(visit, &open)) }
        @if !new || open.loop_at.is_some() { (attention::section(visit, &found)) }
        (figures::section(visit, range, &series, &open, &audits))
    };
    let page = visit.page(Nav::Overview, "Overview", "");
    Ok(page.action(range.links("/")).show(&body))
}

/// The audits that concern the reader: of their account, and of the whole server for operators;
/// the newest first.
async fn audits(visit: &Visit) -> Result<Vec<Audited>, StoreError> {
    let of = |audit, whole| Audited { audit, whole };
    let own = audit::last(visit.database(), Some(visit.account)).await?;
    let mut found: Vec<Audited> = own.map(|audit| of(audit, false)).into_iter().collect();
    if oversees(visit) {
        let whole = audit::last(visit.database(), None).await?;
        found.extend(whole.map(|audit| of(audit, true)));
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
    let step = |done: bool, href: &str, what: &str, meaning: &str| {
        html! {
            li class=[done.then_some("is-done")] {
                a href=(href) { (what) } ": " (meaning)
                @if done { " " (ui::badge(Tone::Sent, "Done")) }
            }
        }
    };
    html! {
        section class="panel" {
            h2 { "Three steps to the first delivery" }
            @if !visit.is_admin() && !hook { p { "Ask an admin of this account to add the first webhook." } }
            ol class="steps" {
                (step(hook, "/webhooks/new", "Add a webhook", "where Herald delivers, and which events."))
                (step(event, "/events", "Publish an event", "the reference has an example of each."))
                (step(false, "/deliveries", "See it arrive", "each delivery shows the request and the response."))
            }
        }
    }
}

/// Begins an audit in the background: of the whole server for its operators, else of the account.
///
/// # Errors
/// The form is not Herald's own.
pub(crate) async fn begin_audit(Submission(visit, _): Submission) -> PageResult {
    let account = (!oversees(&visit)).then_some(visit.account);
    let begun = visit.engine().begin_audit(account);
    let key = if begun { "audit-begun" } else { "audit-runs" };
    Ok(layout::go_to(format!("/?done={key}")).finish())
}
