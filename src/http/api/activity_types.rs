//! The catalogue of activities: what is built in, and what an account adds for its application.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::{Asked, In, Keyed};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::Made;
use crate::service::activity_types::{self, ActivityType, ActivityTypeInput, ActivityTypeQuery};

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

pub(in crate::http) async fn list(
    In(shared, account, ..): In,
    Asked(asked): Asked<ActivityTypeQuery>,
) -> Result<Page<ActivityTypeView>, Problem> {
    let wanted: Wanted<'_, (String, String)> = Wanted::of(&asked, "activity-types")?;
    let key = |known: &ActivityType| (known.group.clone(), known.activity.clone());
    let mut types = activity_types::list(&shared.engine, account).await?;
    if let Some(group) = asked.group.as_deref() {
        types.retain(|known| known.group == group);
    }
    types.retain(|known| {
        wanted
            .after
            .as_ref()
            .is_none_or(|after| key(known) > *after)
    });
    Ok(wanted.page(types, key, ActivityTypeView::from))
}

pub(in crate::http) async fn create(
    In(shared, account, caller): In,
    keyed: Keyed<ActivityTypeInput>,
) -> Result<Made<ActivityTypeView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let (engine, input) = (&shared.engine, input.finish()?);
    let added = activity_types::create(engine, account, making.get(), input).await?;
    Ok(Made {
        at: None,
        what: added.into(),
    })
}
