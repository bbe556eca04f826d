//! The catalogue of activities: what is built in, and what an account adds for its application.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::activity_input::name;
use super::shapes::ActivityTypeInput;
use crate::catalogue::activities;
use crate::domain::activity::OWN_GROUP;
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::no_query;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::store::activity_type::{self, OwnType};

/// Upper bound of a description, in characters.
const MAX_DESCRIPTION: usize = 1_000;

/// An activity of the catalogue.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActivityTypeView {
    /// Its group.
    #[schema(example = "Order")]
    group: String,
    /// Its name.
    #[schema(example = "Bulk Submit")]
    activity: String,
    /// What it means; empty for built-in ones.
    description: String,
    /// It comes with Herald.
    builtin: bool,
    /// Whether an application may record it; Herald's own are Herald's alone.
    recordable: bool,
}

impl From<OwnType> for ActivityTypeView {
    fn from(own: OwnType) -> Self {
        Self {
            group: own.group,
            activity: own.activity,
            description: own.description,
            builtin: false,
            recordable: true,
        }
    }
}

const LIST: &str = "activity-types";

/// List the catalogue of activities, by group and name
#[utoipa::path(
    get, path = "/v1/activity-types", tag = "activities",
    params(
        ("group" = Option<String>, Query, description = "In this group"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<ActivityTypeView>),
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
    let wanted: Wanted<(String, String)> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let own = activity_type::list(shared.engine.database(), account).await?;
    let builtin = activities::builtin().into_iter().flat_map(|group| {
        let view = move |activity: &str| ActivityTypeView {
            group: group.name.to_owned(),
            activity: activity.to_owned(),
            description: String::new(),
            builtin: true,
            recordable: group.name != OWN_GROUP,
        };
        group.activities.into_iter().map(view)
    });
    let key = |view: &ActivityTypeView| (view.group.clone(), view.activity.clone());
    let mut views: Vec<ActivityTypeView> = builtin
        .chain(own.into_iter().map(ActivityTypeView::from))
        .filter(|view| group.as_ref().is_none_or(|group| *group == view.group))
        .filter(|view| wanted.after.as_ref().is_none_or(|after| key(view) > *after))
        .collect();
    views.sort_by_key(key);
    let next = page::cut(&mut views, wanted.limit, key);
    Ok(page::answer(&request, LIST, views, next))
}

/// Add an activity to the catalogue
///
/// A group may be a new one. The application may record it from now on.
#[utoipa::path(
    post, path = "/v1/activity-types", tag = "activities",
    request_body = ActivityTypeInput,
    responses(
        (status = 201, description = "Added", body = ActivityTypeView),
        (status = 409, description = "It is there already, or the account has as many as it may",
            body = ProblemDocument),
        (status = 422, description = "A wrong value", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let mut fields = Fields::parse(&body::object(&request, payload).await?)?;
    let group = fields.need("group", name).unwrap_or_default();
    let activity = fields.need("activity", name).unwrap_or_default();
    let description = fields.take("description", fields::text_within(0..=MAX_DESCRIPTION));
    fields.finish()?;
    if group.eq_ignore_ascii_case(OWN_GROUP) {
        let detail = "holds what Herald records of itself: take another group";
        return Err(Problem::invalid(vec![Fault::new("/group", detail)]));
    }
    if activities::is_given(&group, &activity) {
        return Err(Problem::new(Kind::Conflict, "This activity is built in."));
    }
    let added = activity_type::create(
        shared.engine.database(),
        account,
        (&group, &activity),
        &description.unwrap_or_default(),
        &caller.actor(),
    )
    .await?;
    Ok(HttpResponse::Created().json(ActivityTypeView::from(added)))
}
