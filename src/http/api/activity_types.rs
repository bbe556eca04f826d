//! The catalogue of activities: what is built in, and what an account adds for its application.

use crate::http::extract::{Asked, In, Keyed};
use crate::http::page::{Page, Wanted};
use crate::http::reply::{Answer, Made};
use crate::service::activity_types::{
    self, ActivityTypeInput, ActivityTypeQuery, ActivityTypeView,
};

pub(crate) async fn list(
    at: In,
    Asked(asked): Asked<ActivityTypeQuery>,
) -> Answer<Page<ActivityTypeView>> {
    let wanted: Wanted<'_, (String, String)> = Wanted::of(&asked, "activity-types")?;
    let key = |known: &ActivityTypeView| (known.group.clone(), known.activity.clone());
    let mut types = activity_types::list(at.cx()).await?;
    if let Some(group) = asked.group.as_deref() {
        types.retain(|known| known.group == group);
    }
    if let Some(after) = &wanted.after {
        types.retain(|known| key(known) > *after);
    }
    Ok(wanted.page(types, key, |known| known))
}

pub(crate) async fn create(
    at: In,
    keyed: Keyed<ActivityTypeInput>,
) -> Answer<Made<ActivityTypeView>> {
    let (input, making) = keyed.apart(at.cx().by());
    let added = activity_types::create(at.cx(), making.get(), input.finish()?).await?;
    Ok(Made::nowhere(added))
}
