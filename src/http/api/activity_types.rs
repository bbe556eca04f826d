//! The catalogue of activities: what is built in, and what an account adds for its application.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::no_query;
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::activity_types::{self, ActivityType, ActivityTypeInput};
use crate::service::callers::Caller;

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

impl From<ActivityType> for ActivityTypeView {
    fn from(known: ActivityType) -> Self {
        Self {
            group: known.group,
            activity: known.activity,
            description: known.description,
            builtin: known.builtin,
            recordable: known.recordable,
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
    let key = |view: &ActivityTypeView| (view.group.clone(), view.activity.clone());
    let types = activity_types::list(&shared.engine, account).await?;
    let mut views: Vec<ActivityTypeView> = types
        .into_iter()
        .map(ActivityTypeView::from)
        .filter(|view| group.as_ref().is_none_or(|group| *group == view.group))
        .filter(|view| wanted.after.as_ref().is_none_or(|after| key(view) > *after))
        .collect();
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
    let (input, by) = (body::input(&request, payload).await?, caller.actor());
    let added = activity_types::create(&shared.engine, account, &by, input).await?;
    Ok(HttpResponse::Created().json(ActivityTypeView::from(added)))
}
