//! Event types: the catalogue's as an account has them, and the account's own.

use crate::http::extract::{Begun, In, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson, EmptyReply, OkJson};
use crate::service::event_types::{
    self, EventTypeEntry, EventTypeInput, EventTypePatch, EventTypeQuery, EventTypeView,
};

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<EventTypeQuery>,
) -> ApiResult<Page<EventTypeEntry>> {
    let wanted: PageRequest<'_, String> = PageRequest::of(&asked, "event-types")?;
    let (after, group) = (wanted.after.as_deref(), asked.group.as_deref());
    let types = event_types::list(at.cx(), group, after, wanted.rows()).await?;
    Ok(wanted.page(types, |entry| entry.name.clone(), |entry| entry))
}

pub(crate) async fn show(at: In, Path(name): Path<String>) -> ApiResult<OkJson<EventTypeView>> {
    Ok(OkJson(event_types::show(at.cx(), &name).await?))
}

pub(crate) async fn create(
    at: In,
    keyed: Keyed<EventTypeInput>,
) -> ApiResult<CreatedJson<EventTypeView>> {
    let (input, making) = keyed.split(at.cx().by());
    let made = event_types::create(at.cx(), making.get(), input).await?;
    Ok(CreatedJson::at(
        format!("/v1/event-types/{}", made.name),
        made,
    ))
}

pub(crate) async fn change(
    at: In,
    Path(name): Path<String>,
    Begun(patch): Begun<EventTypePatch>,
) -> ApiResult<OkJson<EventTypeView>> {
    Ok(OkJson(event_types::change(at.cx(), &name, patch).await?))
}

pub(crate) async fn remove(at: In, Path(name): Path<String>) -> ApiResult<EmptyReply> {
    event_types::remove(at.cx(), &name).await?;
    Ok(EmptyReply)
}
