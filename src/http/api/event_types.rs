//! Event types: the catalogue's as an account has them, and the account's own.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::body::{self, MAX_OBJECT};
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::no_query;
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::event_types::{
    self, EventTypeEntry, EventTypeInput, EventTypePatch, EventTypeView,
};

const LIST: &str = "event-types";

/// List event types, by name
///
/// Schemas and examples are in `GET /v1/event-types/{name}`.
#[utoipa::path(
    get, path = "/v1/event-types", tag = "event types",
    params(
        ("group" = Option<String>, Query, description = "Under this heading"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<EventTypeEntry>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let group = query.text("group");
    let wanted: Wanted<String> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let (after, group) = (wanted.after.as_deref(), group.as_deref());
    let types = event_types::list(&shared.engine, account, group, after, wanted.rows()).await;
    let mut views = types?;
    let next = page::cut(&mut views, wanted.limit, |view| view.name.clone());
    Ok(page::answer(&request, LIST, views, next))
}

/// Show one event type
#[utoipa::path(
    get, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The event type", body = EventTypeView),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let view = event_types::show(&shared.engine, account, name(&request)).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Add an own event type
#[utoipa::path(
    post, path = "/v1/event-types", tag = "event types",
    request_body = EventTypeInput,
    responses(
        (status = 201, description = "Added; it can be published from now on",
            body = EventTypeView),
        (status = 409, description = "The name is taken, or the account has as many types, or as\
            large schemas, as it may", body = ProblemDocument),
        (status = 422, description = "Wrong values, such as a schema that costs too much",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn create(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let input = body::begin(&request, payload, MAX_OBJECT).await?;
    let made = event_types::create(&shared.engine, account, &caller.actor(), input).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/event-types/{}", made.name)))
        .json(made))
}

/// Change an event type
///
/// Of a built-in one, `validation` alone can be changed, for this account.
#[utoipa::path(
    patch, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path, description = "Its name")),
    request_body = EventTypePatch,
    responses(
        (status = 200, description = "The event type as it is now", body = EventTypeView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 422, description = "Wrong values", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn change(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let patch = body::begin(&request, payload, MAX_OBJECT).await?;
    let (name, by) = (name(&request), caller.actor());
    let view = event_types::change(&shared.engine, account, name, &by, patch).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Remove an own event type
#[utoipa::path(
    delete, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Removed; it cannot be published any more"),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It is built in", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn remove(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let by = caller.actor();
    event_types::remove(&shared.engine, account, name(&request), &by).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("name").unwrap_or_default()
}
