//! Event types: the catalogue's as an account has them, and the account's own.

use crate::http::extract::{Asked, Begun, In, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::reply::{Answer, Done, Made, Shown};
use crate::service::event_types::{
    self, EventTypeEntry, EventTypeInput, EventTypePatch, EventTypeQuery, EventTypeView,
};

pub(crate) async fn list(
    at: In,
    Asked(asked): Asked<EventTypeQuery>,
) -> Answer<Page<EventTypeEntry>> {
    let wanted: Wanted<'_, String> = Wanted::of(&asked, "event-types")?;
    let (after, group) = (wanted.after.as_deref(), asked.group.as_deref());
    let types = event_types::list(at.cx(), group, after, wanted.rows()).await?;
    Ok(wanted.page(types, |entry| entry.name.clone(), |entry| entry))
}

pub(crate) async fn show(at: In, Path(name): Path<String>) -> Answer<Shown<EventTypeView>> {
    Ok(Shown(event_types::show(at.cx(), &name).await?))
}

pub(crate) async fn create(at: In, keyed: Keyed<EventTypeInput>) -> Answer<Made<EventTypeView>> {
    let (input, making) = keyed.apart(at.cx().by());
    let made = event_types::create(at.cx(), making.get(), input).await?;
    Ok(Made::at(format!("/v1/event-types/{}", made.name), made))
}

pub(crate) async fn change(
    at: In,
    Path(name): Path<String>,
    Begun(patch): Begun<EventTypePatch>,
) -> Answer<Shown<EventTypeView>> {
    Ok(Shown(event_types::change(at.cx(), &name, patch).await?))
}

pub(crate) async fn remove(at: In, Path(name): Path<String>) -> Answer<Done> {
    event_types::remove(at.cx(), &name).await?;
    Ok(Done)
}
