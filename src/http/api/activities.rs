//! The activity log: what users did, in the host application and in Herald.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::activity::ActorKind;
use crate::domain::id::ActivityId;
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::activities::{self, LIST, Place};
use crate::store::activity::{Activity, ActivityCount, ActivityFilter};

/// An entry of the log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActivityView {
    /// Its id.
    #[schema(value_type = String, example = "act_01h455vb4pex5vsknk084sn02q")]
    id: ActivityId,
    /// When it was done.
    at: DateTime<Utc>,
    /// Who: an e-mail or a name as the host application gave it, a user of Herald, or the title
    /// of a token; null: Herald itself.
    #[schema(example = "ann@example.com")]
    user: Option<String>,
    /// The heading.
    #[schema(example = "Order")]
    group: String,
    /// What was done.
    #[schema(example = "Submit")]
    activity: String,
    /// What it was done to: an id, or the name of a script.
    subject: Option<String>,
    /// Who says so: `application`, or of Herald's own activities `user`, `token`, `herald`.
    #[schema(value_type = String, example = "application")]
    actor: ActorKind,
    /// The id of the token or of the user of Herald.
    actor_id: Option<String>,
    /// What else is known of it, as it was given.
    #[schema(value_type = Option<Object>)]
    payload: Option<Box<RawValue>>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

impl From<Activity> for ActivityView {
    fn from(entry: Activity) -> Self {
        Self {
            id: entry.id(),
            recorded_at: entry.recorded_at(),
            payload: entry
                .payload()
                .and_then(|json| RawValue::from_string(json.into_owned()).ok()),
            at: entry.at,
            user: entry.user,
            group: entry.group,
            activity: entry.activity,
            subject: entry.subject,
            actor: entry.actor,
            actor_id: entry.actor_id,
        }
    }
}

/// List activities, those done last first
#[utoipa::path(
    get, path = "/v1/activities", tag = "activities",
    params(
        ("user" = Option<String>, Query,
            description = "With this in the user's e-mail or name, upper and lower case alike"),
        ("group" = Option<String>, Query, description = "In this group"),
        ("activity" = Option<String>, Query, description = "Of this name"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Done at or after"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Done before"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<ActivityView>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
        (status = 422, description = "A time outside the years 1970 to 9999",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let user = query.text("user");
    let group = query.text("group");
    let activity = query.text("activity");
    let from = query.time("from");
    let to = query.time("to");
    let wanted: Wanted<Place> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let filter = ActivityFilter {
        user,
        group,
        activity,
        from,
        to,
        before: wanted.after,
        limit: wanted.rows(),
    };
    let (rows, next) = activities::list(&shared.engine, account, &filter, wanted.limit).await?;
    let data: Vec<ActivityView> = rows.into_iter().map(ActivityView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// How much one user did in one group.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct CountView {
    /// Who; null: Herald itself.
    user: Option<String>,
    /// In what.
    group: String,
    /// How often.
    count: i64,
    /// When last, within the time.
    last_at: DateTime<Utc>,
}

impl From<ActivityCount> for CountView {
    fn from(row: ActivityCount) -> Self {
        Self {
            user: row.user,
            group: row.group,
            count: row.count,
            last_at: row.last_at,
        }
    }
}

/// What the users did in a time.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActivitySummary {
    /// The first moment.
    from: DateTime<Utc>,
    /// The moment after the last.
    to: DateTime<Utc>,
    /// Users and groups, the most active first, at most 1,000.
    data: Vec<CountView>,
    /// There are more than these.
    truncated: bool,
}

/// Count activities by user and group
///
/// How the team is doing: who did how much of what in a time, the most active first.
#[utoipa::path(
    get, path = "/v1/activities/summary", tag = "activities",
    params(
        ("group" = Option<String>, Query, description = "In this group"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Done at or after (7 days ago)"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Done before (now); at most 92 days"),
    ),
    responses(
        (status = 200, description = "The counts", body = ActivitySummary),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
        (status = 422, description = "A time outside the years 1970 to 9999",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn summary(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let group = query.text("group");
    let time = (query.time("from"), query.time("to"));
    query.finish()?;
    let counted = activities::count(&shared.engine, account, group.as_deref(), time).await?;
    Ok(HttpResponse::Ok().json(ActivitySummary {
        from: counted.from,
        to: counted.to,
        data: counted.rows.into_iter().map(CountView::from).collect(),
        truncated: counted.truncated,
    }))
}
