//! The activity log: what users did, in the host application and in Herald.

use std::borrow::Cow;

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::activity::ActorKind;
use crate::domain::id::ActivityId;
use crate::http::body;
use crate::http::extract::{Header, In, Keyed, KeyedBy, Lines, QueryInput, Raw};
use crate::http::idempotency::{self, KeyHeader};
use crate::http::page::{Page, PageRequest};
use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::reply::{AcceptedJson, ApiResult, CreatedJson, OkJson};
use crate::service::activities::{
    self, ActivityInput, ActivityQuery, LIST, Place, Recording, SummaryQuery,
};
use crate::service::input::Text;
use crate::service::{Reason, RefusedLine, raw_json, views};
use crate::store::activity::{Activity, ActivityCount, ActivityFilter};

/// Upper bound of one activity, in bytes: its payload and all else.
pub(in crate::http) const MAX_ACTIVITY_BYTES: usize = 128 << 10;
/// Upper bound of a batch, in lines.
pub(in crate::http) const MAX_LINES: usize = 1_000;
/// After so many lines the worker's other requests get a turn.
const YIELD_EVERY: usize = 50;

/// The answer to one activity.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivityRecorded {
    /// Its id.
    id: ActivityId,
}

/// The answer to a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivitiesRecorded {
    /// How many lines were committed.
    accepted: usize,
    /// The lines that were not.
    rejected: Vec<RefusedLine>,
    /// The ids of the committed lines, in their order.
    ids: Vec<ActivityId>,
}

pub(crate) async fn record(
    at: In,
    keyed: Keyed<ActivityInput, MAX_ACTIVITY_BYTES>,
) -> ApiResult<CreatedJson<ActivityRecorded>> {
    let (input, making) = keyed.split(at.cx().by());
    let activity = Recording::new(at.cx()).judge(input).await?;
    let ids = activities::record(at.cx(), making.get(), vec![activity]).await?;
    let id = ids.first().copied();
    let id =
        id.ok_or_else(|| ProblemDetails::new(ProblemKind::Internal, "The activity got no id."))?;
    Ok(CreatedJson::nowhere(ActivityRecorded { id }))
}

pub(crate) async fn record_batch(
    at: In,
    request: HttpRequest,
    _key: Header<KeyHeader>,
    lines: Raw<Lines<ActivityInput>>,
) -> ApiResult<AcceptedJson<ActivitiesRecorded>> {
    let body = body::batch(&at.shared, &request, lines.0).await?;
    let lines = body::lines(&body, MAX_LINES, ("activity", "activities"))?;
    let mut recording = Recording::new(at.cx());
    let (mut good, mut rejected) = (Vec::new(), Vec::new());
    for (place, (line, bytes)) in lines.into_iter().enumerate() {
        if place % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
        let read = body::bounded(bytes, MAX_ACTIVITY_BYTES).and_then(|()| body::begin(bytes));
        let judged = match read {
            Ok(input) => recording.judge(input).await,
            Err(refusal) => Err(refusal),
        };
        match judged {
            Ok(activity) => good.push(activity),
            // Of the database, not of the line.
            Err(why) if matches!(why.reason, Reason::Internal | Reason::Unavailable) => {
                return Err(why.into());
            }
            Err(why) => rejected.push(RefusedLine::of(line, why)),
        }
    }
    if good.is_empty() {
        return Err(ProblemDetails::no_line(rejected));
    }
    let making = KeyedBy::new(at.cx().by(), idempotency::request_key(&request, &body)?);
    let ids = activities::record(at.cx(), making.get(), good).await?;
    let accepted = ids.len();
    Ok(AcceptedJson(ActivitiesRecorded {
        accepted,
        rejected,
        ids,
    }))
}

views! {
    /// An entry of the log.
    pub(crate) ActivityView of entry: Activity {
        /// Its id.
        id: ActivityId = entry.id(),
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
        actor: ActorKind,
        /// The id of the token or of the user of Herald.
        actor_id: Option<String>,
        /// What else is known of it, as it was given.
        #[schema(value_type = serde_json::Value)]
        payload: Option<Box<RawValue>> = entry.payload().map(Cow::into_owned).and_then(raw_json),
        /// When it was recorded.
        recorded_at: DateTime<Utc> = entry.recorded_at(),
    }

    /// How much one user did in one group.
    pub(crate) CountView of row: ActivityCount {
        /// Who; null: Herald itself.
        user: Option<String>,
        /// In what.
        group: String,
        /// How often.
        count: i64,
        /// When last, within the time.
        last_at: DateTime<Utc>,
    }
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<ActivityQuery>,
) -> ApiResult<Page<ActivityView>> {
    let wanted: PageRequest<'_, Place> = PageRequest::of(&asked, LIST)?;
    let filter = ActivityFilter {
        user: asked.user.map(Text::into_inner),
        group: asked.group.map(Text::into_inner),
        activity: asked.activity.map(Text::into_inner),
        from: asked.from.map(|from| from.0),
        to: asked.to.map(|to| to.0),
        before: wanted.after,
        limit: wanted.rows(),
    };
    let (rows, next) = activities::list(at.cx(), &filter, wanted.limit).await?;
    Ok(wanted.page_to(rows, next, ActivityView::from))
}

/// What the users did in a time.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivitySummary {
    /// The first moment.
    from: DateTime<Utc>,
    /// The moment after the last.
    to: DateTime<Utc>,
    /// Users and groups, the most active first, at most 1,000.
    data: Vec<CountView>,
    /// There are more than these.
    truncated: bool,
}

pub(crate) async fn summary(
    at: In,
    QueryInput(asked): QueryInput<SummaryQuery>,
) -> ApiResult<OkJson<ActivitySummary>> {
    let time = (asked.from.map(|from| from.0), asked.to.map(|to| to.0));
    let counted = activities::count(at.cx(), asked.group.as_deref(), time).await?;
    Ok(OkJson(ActivitySummary {
        from: counted.from,
        to: counted.to,
        data: counted.rows.into_iter().map(CountView::from).collect(),
        truncated: counted.truncated,
    }))
}
