//! The catalogue of activities: what is built in, and what an account adds for its application.

use crate::http::extract::{In, Keyed, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson};
use crate::service::activity_types::{
    self, ActivityTypeInput, ActivityTypeQuery, ActivityTypeView,
};

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<ActivityTypeQuery>,
) -> ApiResult<Page<ActivityTypeView>> {
    let wanted: PageRequest<'_, (String, String)> = PageRequest::of(&asked, "activity-types")?;
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
) -> ApiResult<CreatedJson<ActivityTypeView>> {
    let (input, making) = keyed.split(at.cx().by());
    let added = activity_types::create(at.cx(), making.get(), input.finish()?).await?;
    Ok(CreatedJson::nowhere(added))
}
