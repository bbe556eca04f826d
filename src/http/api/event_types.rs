//! Event types: the catalogue's as an account has them, and the account's own.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::event_type_views::{EventTypeEntry, EventTypeView};
use super::shapes::{EventTypeInput, EventTypePatch};
use crate::catalogue;
use crate::domain::activity::Actor;
use crate::domain::event_type::{Validation, check_name};
use crate::domain::id::AccountId;
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::no_query;
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::store::StoreError;
use crate::store::event_type::{self, OwnType, TypeChange, TypeFilter};

/// Upper bound of a description, in characters.
const MAX_DESCRIPTION: usize = 4_000;
/// Upper bound of a group's or a title's length, in characters.
const MAX_TITLE: usize = 200;

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
    let after = wanted.after.as_deref();
    let known: Vec<_> = catalogue::builtin()
        .iter()
        .filter(|known| group.as_ref().is_none_or(|group| *group == known.group))
        .collect();
    let builtin: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    let filter = TypeFilter {
        group: group.as_deref(),
        builtin: &builtin,
        after,
        limit: Some(wanted.rows()),
    };
    let own = event_type::list(shared.engine.database(), account, &filter).await?;
    let mut views: Vec<EventTypeEntry> = known
        .iter()
        .filter(|known| after.is_none_or(|after| known.name.as_str() > after))
        .map(|known| EventTypeEntry::builtin(known, own.iter().find(|own| own.name == known.name)))
        .collect();
    let added = own.into_iter().filter(|own| !own.builtin);
    views.extend(added.map(EventTypeEntry::from));
    views.sort_by(|a, b| a.name.cmp(&b.name));
    let next = page::cut(&mut views, wanted.limit, |view| view.name.clone());
    Ok(page::answer(&request, LIST, views, next))
}

/// Every event type of an account: the built-in ones in the catalogue's order, then its own by
/// name.
///
/// # Errors
/// When the database is away.
pub(in crate::http) async fn all(
    shared: &Shared,
    account: AccountId,
) -> Result<Vec<EventTypeEntry>, StoreError> {
    let own = event_type::list(shared.engine.database(), account, &TypeFilter::default()).await?;
    let mut types: Vec<EventTypeEntry> = catalogue::builtin()
        .iter()
        .map(|known| EventTypeEntry::builtin(known, own.iter().find(|own| own.name == known.name)))
        .collect();
    let added = own.into_iter().filter(|own| !own.builtin);
    types.extend(added.map(EventTypeEntry::from));
    Ok(types)
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
    let view = find(&shared, account, name(&request)).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// One event type of an account.
///
/// # Errors
/// There is none of that name, or the database is away.
pub(in crate::http) async fn find(
    shared: &Shared,
    account: AccountId,
    name: &str,
) -> Result<EventTypeView, Problem> {
    let own = event_type::find(shared.engine.database(), account, name).await?;
    match catalogue::find(name) {
        Some(known) => Ok(EventTypeView::builtin(known, own.as_ref())),
        None => own.map(EventTypeView::from).ok_or_else(missing),
    }
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
    let body = body::object(&request, payload).await?;
    let made = add(&shared, account, &caller.actor(), &body).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/event-types/{}", made.name)))
        .json(made))
}

/// Adds an own event type.
///
/// # Errors
/// Wrong values, the name is taken, or the database is away.
pub(in crate::http) async fn add(
    shared: &Shared,
    account: AccountId,
    by: &Actor,
    body: &[u8],
) -> Result<EventTypeView, Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.need("name", |value| {
        let name = fields::text(value)?;
        check_name(&name)
            .map_err(|error| error.to_string())
            .map(|()| name)
    });
    let values = read(shared, account, &mut fields, None).await?;
    fields.finish()?;
    let name = name.unwrap_or_default();
    if catalogue::find(&name).is_some() {
        return Err(Problem::new(
            Kind::Conflict,
            format!("{name} is a built-in event type."),
        ));
    }
    let engine = &shared.engine;
    let made = event_type::create(engine.database(), account, &name, values, by).await?;
    engine.routing_changed().await;
    Ok(EventTypeView::from(made))
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
    let body = body::object(&request, payload).await?;
    let view = edit(&shared, account, &caller.actor(), name(&request), &body).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Changes an event type.
///
/// # Errors
/// Wrong values, there is none of that name, or the database is away.
pub(in crate::http) async fn edit(
    shared: &Shared,
    account: AccountId,
    by: &Actor,
    name: &str,
    body: &[u8],
) -> Result<EventTypeView, Problem> {
    let engine = &shared.engine;
    let database = engine.database();
    let mut fields = Fields::parse(body)?;
    if let Some(known) = catalogue::find(name) {
        for fixed in ["name", "group", "title", "description", "schema", "example"] {
            fields.take(fixed, |_| -> Result<(), String> {
                Err("is built in: only `validation` can be changed".to_owned())
            });
        }
        let validation = fields.take_nullable("validation", fields::parsed::<Validation>);
        fields.finish()?;
        let own = match validation {
            Some(mode) => {
                let own =
                    event_type::set_builtin_validation(database, account, name, mode, by).await?;
                engine.routing_changed().await;
                Some(own)
            }
            None => event_type::find(database, account, name).await?,
        };
        return Ok(EventTypeView::builtin(known, own.as_ref()));
    }
    let before = event_type::find(database, account, name)
        .await?
        .ok_or_else(missing)?;
    fields.take("name", |_| -> Result<(), String> {
        Err("cannot be changed: add another type".to_owned())
    });
    let values = read(shared, account, &mut fields, Some(&before)).await?;
    fields.finish()?;
    let changed = event_type::change(database, account, name, values, by).await?;
    let changed = changed.ok_or_else(missing)?;
    engine.routing_changed().await;
    Ok(EventTypeView::from(changed))
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
    delete(&shared, account, &caller.actor(), name(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes an own event type.
///
/// # Errors
/// It is built in, there is none of that name, or the database is away.
pub(in crate::http) async fn delete(
    shared: &Shared,
    account: AccountId,
    by: &Actor,
    name: &str,
) -> Result<(), Problem> {
    if catalogue::find(name).is_some() {
        let detail = format!("{name} is built in: it cannot be removed.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let engine = &shared.engine;
    if !event_type::remove(engine.database(), account, name, by).await? {
        return Err(missing());
    }
    engine.routing_changed().await;
    Ok(())
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("name").unwrap_or_default()
}

fn missing() -> Problem {
    Problem::not_found("event type")
}

/// Reads what can be changed of an own type. The schema must be one that may be applied, and the
/// example must fit it, also when only one of them is given.
///
/// # Errors
/// Too much of the account waits to be judged already.
async fn read(
    shared: &Shared,
    account: AccountId,
    fields: &mut Fields,
    before: Option<&OwnType>,
) -> Result<TypeChange, Problem> {
    let mut values = TypeChange {
        group: fields.take("group", fields::text_within(0..=MAX_TITLE)),
        title: fields.take("title", fields::text_within(0..=MAX_TITLE)),
        description: fields.take("description", fields::text_within(0..=MAX_DESCRIPTION)),
        schema: fields.take_nullable("schema", storable),
        example: fields.take_nullable("example", |value| match value {
            Value::Object(_) => storable(value),
            _ => Err("must be an object, as every event is".to_owned()),
        }),
        validation: fields.take_nullable("validation", fields::parsed::<Validation>),
        pattern_bytes: 0,
    };
    if values.schema.is_none() && values.example.is_none() {
        return Ok(values);
    }
    let schema = values
        .schema
        .clone()
        .unwrap_or_else(|| before?.schema.clone());
    let example = values
        .example
        .clone()
        .unwrap_or_else(|| before?.example.clone());
    let Some(schema) = schema else {
        return Ok(values);
    };
    match shared.engine.judge_schema(account, schema, example).await {
        Some(Ok(bytes)) => values.pattern_bytes = i32::try_from(bytes).unwrap_or(i32::MAX),
        Some(Err(faults)) => {
            for (pointer, detail) in faults {
                fields.fault(pointer, detail);
            }
        }
        None => {
            let detail = "Too many schemas and events of this account wait to be checked. Try \
                again shortly.";
            return Err(Problem::new(Kind::Unavailable, detail));
        }
    }
    Ok(values)
}

/// PostgreSQL cannot hold the character 0 in a JSON text that is taken apart.
fn storable(value: Value) -> Result<Value, String> {
    fn holds_zero(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(holds_zero),
            Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || holds_zero(v)),
            _ => false,
        }
    }
    if holds_zero(&value) {
        Err("must not hold the character 0".to_owned())
    } else {
        Ok(value)
    }
}
