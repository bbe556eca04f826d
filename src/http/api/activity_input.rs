//! Recording what users did in the host application: one activity, or many, one a line.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::shapes::ActivityInput;
use crate::catalogue::activities;
use crate::domain::activity::{
    ActorKind, NewActivity, OWN_GROUP, check_at, check_name, check_payload, check_user,
};
use crate::domain::event::check_value;
use crate::domain::event_type::{Suggestions, nearest};
use crate::domain::id::{AccountId, ActivityId};
use crate::http::body;
use crate::http::fields::{self, Fields};
use crate::http::guard::Account;
use crate::http::path::no_query;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument, RejectedLine};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::store::activity_type::{self, OwnType};

/// Upper bound of one activity, in bytes: its payload and all else.
const MAX_ACTIVITY_BYTES: usize = 128 << 10;
/// Upper bound of a batch, in lines.
const MAX_LINES: usize = 1_000;
/// After so many lines the worker's other requests get a turn.
const YIELD_EVERY: usize = 50;

/// The answer to one activity.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActivityRecorded {
    /// Its id.
    #[schema(value_type = String, example = "act_01h455vb4pex5vsknk084sn02q")]
    id: ActivityId,
}

/// The answer to a batch.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActivitiesRecorded {
    /// How many lines were committed.
    accepted: usize,
    /// The lines that were not.
    rejected: Vec<RejectedLine>,
    /// The ids of the committed lines, in their order.
    #[schema(value_type = Vec<String>)]
    ids: Vec<ActivityId>,
}

/// Record an activity
///
/// Something that a user did in the host application. Group and activity must stand in the
/// catalogue (GET /v1/activity-types); an admin adds what is missing.
#[utoipa::path(
    post, path = "/v1/activities", tag = "activities",
    request_body = ActivityInput,
    responses(
        (status = 201, description = "It is committed", body = ActivityRecorded),
        (status = 422, description = "A wrong value, or not in the catalogue",
            body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn record(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let body = body::object(&request, payload).await?;
    if body.len() > MAX_ACTIVITY_BYTES {
        return Err(Problem::new(Kind::TooLarge, TOO_LARGE));
    }
    let mut catalogue = Catalogue::new(&shared, account);
    let activity = prepare(&mut catalogue, &caller, &body).await?;
    let ids = shared
        .engine
        .record_activities(account, vec![activity])
        .await?;
    let id = ids
        .first()
        .copied()
        .ok_or_else(|| Problem::new(Kind::Internal, "The activity got no id."))?;
    Ok(HttpResponse::Created().json(ActivityRecorded { id }))
}

const TOO_LARGE: &str = "An activity may have at most 128 KiB, its payload 64 KiB of them.";

/// Record up to 1,000 activities
///
/// One JSON object a line (NDJSON), at most 16 MiB. The good lines are committed, the others are
/// told by number; if there is no good one, all of it is refused.
#[utoipa::path(
    post, path = "/v1/activities/batch", tag = "activities",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 202, description = "The good lines are committed", body = ActivitiesRecorded),
        (status = 413, description = "Larger than 16 MiB", body = ProblemDocument),
        (status = 422, description = "No good line, or more than 1,000 lines", body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn record_batch(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let body = body::batch(&shared, &request, payload).await?;
    let lines = || {
        let numbered = body.split(|byte| *byte == b'\n').zip(1_usize..);
        numbered.filter(|(line, _)| !line.trim_ascii().is_empty())
    };
    match lines().take(MAX_LINES + 1).count() {
        0 => return Err(Problem::new(Kind::Invalid, "The batch holds no activity.")),
        1..=MAX_LINES => {}
        _ => {
            let detail = format!("A batch holds at most {MAX_LINES} activities.");
            return Err(Problem::new(Kind::Invalid, detail));
        }
    }
    let mut catalogue = Catalogue::new(&shared, account);
    let (mut good, mut rejected) = (Vec::new(), Vec::new());
    for (place, (bytes, line)) in lines().enumerate() {
        if place % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
        let judged = if bytes.len() > MAX_ACTIVITY_BYTES {
            Err(Problem::new(Kind::TooLarge, TOO_LARGE))
        } else {
            prepare(&mut catalogue, &caller, bytes).await
        };
        match judged {
            Ok(activity) => good.push(activity),
            // Of the database, not of the line.
            Err(problem) if problem.is_own() => return Err(problem),
            Err(problem) => rejected.push(RejectedLine::of(line, problem)),
        }
    }
    if good.is_empty() {
        return Err(Problem::no_line(rejected));
    }
    let ids = shared.engine.record_activities(account, good).await?;
    Ok(HttpResponse::Accepted().json(ActivitiesRecorded {
        accepted: ids.len(),
        rejected,
        ids,
    }))
}

/// The catalogue of one account: what is built in, and what the account added, which is read
/// when it is first needed.
struct Catalogue<'a> {
    shared: &'a Shared,
    account: AccountId,
    own: Option<Vec<OwnType>>,
    hints: Suggestions,
}

impl<'a> Catalogue<'a> {
    fn new(shared: &'a Shared, account: AccountId) -> Self {
        Self {
            shared,
            account,
            own: None,
            hints: Suggestions::default(),
        }
    }

    /// What is wrong with a group and an activity.
    async fn judge(&mut self, group: &str, activity: &str) -> Result<Option<Fault>, Problem> {
        if activities::is_given(group, activity) {
            return Ok(None);
        }
        if group.eq_ignore_ascii_case(OWN_GROUP) {
            let detail = "holds what Herald records of itself: take another group";
            return Ok(Some(Fault::new("/group", detail)));
        }
        let own = match &mut self.own {
            Some(own) => own,
            own => {
                own.insert(activity_type::list(self.shared.engine.database(), self.account).await?)
            }
        };
        if own
            .iter()
            .any(|it| it.group == group && it.activity == activity)
        {
            return Ok(None);
        }
        let wanted = format!("{group} / {activity}");
        let near = self.hints.once(&wanted, || {
            let names = names(own);
            let near = nearest(&wanted, names.iter().map(String::as_str));
            near.into_iter().map(str::to_owned).collect()
        });
        let hint = match near {
            [] => String::new(),
            near => format!(" (did you mean {}?)", near.join(", ")),
        };
        let detail = format!(
            "`{wanted}` is not in this account's catalogue of activities{hint}; an admin adds it \
             by POST /v1/activity-types"
        );
        Ok(Some(Fault::new("/activity", detail)))
    }
}

/// Every activity that may be recorded, with its group.
fn names(own: &[OwnType]) -> Vec<String> {
    let builtin = activities::builtin();
    let given = builtin.iter().filter(|it| it.name != OWN_GROUP);
    let given = given.flat_map(|it| {
        let activities = it.activities.iter();
        activities.map(move |activity| format!("{} / {activity}", it.name))
    });
    let own = own
        .iter()
        .map(|it| format!("{} / {}", it.group, it.activity));
    given.chain(own).collect()
}

/// Checks a body and makes an activity of it.
async fn prepare(
    catalogue: &mut Catalogue<'_>,
    caller: &Caller,
    body: &[u8],
) -> Result<NewActivity, Problem> {
    let now = catalogue.shared.engine.clock().now();
    let (mut fields, written) = Fields::parse_keeping(body, "payload")?;
    let user = fields.need("user", |value| checked(value, check_user));
    let group = fields.need("group", name);
    let activity = fields.need("activity", name);
    let at = fields.take_nullable("at", |value| moment(value, now));
    let payload = fields.take_nullable("payload", |_| {
        let text = written.unwrap_or_default();
        check_payload(text).map_err(|error| error.to_string())?;
        check_value(text).map_err(|error| error.to_string())?;
        Ok(text.to_owned())
    });
    if let (Some(group), Some(activity)) = (&group, &activity)
        && let Some(fault) = catalogue.judge(group, activity).await?
    {
        fields.fault(fault.pointer, fault.detail);
    }
    fields.finish()?;
    Ok(NewActivity {
        user,
        actor: ActorKind::Application,
        actor_id: Some(caller.id()),
        group: group.unwrap_or_default(),
        activity: activity.unwrap_or_default(),
        subject: None,
        payload: payload.flatten(),
        at: at.flatten(),
    })
}

/// The name of a group or of an activity.
fn name(value: Value) -> Result<String, String> {
    checked(value, check_name)
}

fn checked<E: std::fmt::Display>(
    value: Value,
    check: impl Fn(&str) -> Result<&str, E>,
) -> Result<String, String> {
    let text = fields::text(value)?;
    match check(&text) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn moment(value: Value, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let text = fields::text(value)?;
    let at = DateTime::parse_from_rfc3339(&text)
        .map_err(|error| format!("must be a time such as 2026-01-31T08:00:00Z: {error}"))?
        .with_timezone(&Utc);
    check_at(at, now).map_err(|error| error.to_string())?;
    Ok(at)
}
