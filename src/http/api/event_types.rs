//! Event types: the catalogue's as an account has them, and the account's own.

use crate::http::extract::{Asked, Begun, In, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::{Done, Made, Shown};
use crate::service::event_types::{
    self, EventTypeEntry, EventTypeInput, EventTypePatch, EventTypeQuery, EventTypeView,
};

pub(in crate::http) async fn list(
    In(shared, account, ..): In,
    Asked(asked): Asked<EventTypeQuery>,
) -> Result<Page<EventTypeEntry>, Problem> {
    let wanted: Wanted<'_, String> = Wanted::of(&asked, "event-types")?;
    let (after, group) = (wanted.after.as_deref(), asked.group.as_deref());
    let types = event_types::list(&shared.engine, account, group, after, wanted.rows()).await?;
    Ok(wanted.page(types, |entry| entry.name.clone(), |entry| entry))
}

pub(in crate::http) async fn show(
    In(shared, account, ..): In,
    Path(name): Path<String>,
) -> Result<Shown<EventTypeView>, Problem> {
    Ok(Shown(
        event_types::show(&shared.engine, account, &name).await?,
    ))
}

pub(in crate::http) async fn create(
    In(shared, account, caller): In,
    keyed: Keyed<EventTypeInput>,
) -> Result<Made<EventTypeView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let made = event_types::create(&shared.engine, account, making.get(), input).await?;
    Ok(Made {
        at: Some(format!("/v1/event-types/{}", made.name)),
        what: made,
    })
}

pub(in crate::http) async fn change(
    In(shared, account, caller): In,
    Path(name): Path<String>,
    Begun(patch): Begun<EventTypePatch>,
) -> Result<Shown<EventTypeView>, Problem> {
    let by = caller.actor();
    Ok(Shown(
        event_types::change(&shared.engine, account, &name, &by, patch).await?,
    ))
}

pub(in crate::http) async fn remove(
    In(shared, account, caller): In,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    event_types::remove(&shared.engine, account, &name, &caller.actor()).await?;
    Ok(Done)
}
