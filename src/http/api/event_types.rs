//! Event types: the catalogue's as an account has them, and the account's own.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::no_query;
use super::shapes::{EventTypeInput, EventTypePatch};
use crate::catalogue::{self, Validator};
use crate::domain::activity::Actor;
use crate::domain::event_type::{EventType, Field, Validation, check_name};
use crate::domain::id::AccountId;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::StoreError;
use crate::store::event_type::{self, OwnType, TypeChange};

/// Upper bound of a description, in characters.
const MAX_DESCRIPTION: usize = 4_000;
/// Upper bound of a group's or a title's length, in characters.
const MAX_TITLE: usize = 200;

/// One field of an event type's payload.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct FieldView {
    /// Names from the payload's root, parted by dots; `[]` stands for each entry of an array.
    pub path: String,
    /// Its JSON type in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub description: String,
}

/// An event type.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventTypeView {
    /// The name that events and triggers use.
    #[schema(example = "STORE_ORDER_CREATED")]
    pub name: String,
    /// The heading under which people find it.
    pub group: String,
    /// A few words.
    pub title: String,
    /// When it is published.
    pub description: String,
    /// What its fields mean; empty for an account's own types.
    pub fields: Vec<FieldView>,
    /// A JSON Schema of the whole event.
    pub schema: Option<Value>,
    /// An event as it would be published.
    pub example: Option<Value>,
    /// `off`, `warn` or `reject`: what happens to an event that does not fit its schema.
    #[schema(value_type = String)]
    pub validation: Validation,
    /// It comes with Herald: only its validation can be changed.
    pub builtin: bool,
}

impl EventTypeView {
    fn builtin(known: &EventType, own: Option<&OwnType>) -> Self {
        let field = |field: &Field| FieldView {
            path: field.path.clone(),
            kind: field.kind.clone(),
            description: field.description.clone(),
        };
        let validation = own.and_then(|own| own.validation).or(known.validation);
        Self {
            name: known.name.clone(),
            group: known.group.clone(),
            title: known.title.clone(),
            description: known.description.clone(),
            fields: known.fields.iter().map(field).collect(),
            schema: known.schema.clone(),
            example: known
                .example
                .as_ref()
                .and_then(|text| serde_json::from_str(text.get()).ok()),
            validation: validation.unwrap_or_default(),
            builtin: true,
        }
    }
}

impl From<OwnType> for EventTypeView {
    fn from(own: OwnType) -> Self {
        Self {
            name: own.name,
            group: own.group,
            title: own.title,
            description: own.description,
            fields: Vec::new(),
            schema: own.schema,
            example: own.example,
            validation: own.validation.unwrap_or_default(),
            builtin: false,
        }
    }
}

const LIST: &str = "event-types";

/// List event types, by name
#[utoipa::path(
    get, path = "/v1/event-types", tag = "event types",
    params(
        ("group" = Option<String>, Query, description = "Under this heading"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<EventTypeView>),
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
    let mut views = all(&shared, account).await?;
    views.retain(|view| {
        group.as_ref().is_none_or(|group| *group == view.group)
            && wanted.after.as_ref().is_none_or(|after| view.name > *after)
    });
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
) -> Result<Vec<EventTypeView>, StoreError> {
    let own = event_type::list(shared.engine.database(), account).await?;
    let builtin = catalogue::builtin()
        .iter()
        .map(|known| EventTypeView::builtin(known, own.iter().find(|own| own.name == known.name)));
    let added = own
        .iter()
        .filter(|own| !own.builtin)
        .cloned()
        .map(EventTypeView::from);
    Ok(builtin.chain(added).collect())
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
        (status = 409, description = "The name is taken", body = ProblemDocument),
        (status = 422, description = "Wrong values", body = ProblemDocument),
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
    let values = read(&mut fields, None);
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
    let values = read(&mut fields, Some(&before));
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

/// Reads what can be changed of an own type. The schema must compile, and the example must fit
/// it, also when only one of them is given.
fn read(fields: &mut Fields, before: Option<&OwnType>) -> TypeChange {
    let values = TypeChange {
        group: fields.take("group", fields::text_within(0..=MAX_TITLE)),
        title: fields.take("title", fields::text_within(0..=MAX_TITLE)),
        description: fields.take("description", fields::text_within(0..=MAX_DESCRIPTION)),
        schema: fields.take_nullable("schema", storable),
        example: fields.take_nullable("example", |value| match value {
            Value::Object(_) => storable(value),
            _ => Err("must be an object, as every event is".to_owned()),
        }),
        validation: fields.take_nullable("validation", fields::parsed::<Validation>),
    };
    let schema = values
        .schema
        .clone()
        .unwrap_or_else(|| before?.schema.clone());
    let example = values
        .example
        .clone()
        .unwrap_or_else(|| before?.example.clone());
    let Some(schema) = schema else { return values };
    match Validator::compile(&schema) {
        Ok(validator) => {
            for violation in example
                .iter()
                .flat_map(|example| validator.validate(example))
            {
                let pointer = format!("/example{}", violation.pointer);
                fields.fault(
                    pointer,
                    format!("does not fit the schema: {}", violation.detail),
                );
            }
        }
        Err(error) => fields.fault(format!("/schema{}", error.pointer), error.detail),
    }
    values
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
