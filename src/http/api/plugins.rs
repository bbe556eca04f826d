//! The scripts: the list of them, and running one on an event without sending anything.

use actix_web::web::Data;

use crate::domain::event::MAX_EVENT_BYTES;
use crate::http::extract::{Asked, Begun, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::Shown;
use crate::http::shared::Shared;
use crate::plugin::ScriptName;
use crate::service::callers::Caller;
use crate::service::dry_run::{DryRun, DryRunInput, try_out};
use crate::service::input::WholeList;
use crate::service::plugins::{PluginView, all};

/// Upper bound of a request: an event, and what stands around it.
const MAX_DRY_RUN_BYTES: usize = MAX_EVENT_BYTES + (1 << 16);

pub(in crate::http) async fn list(
    shared: Data<Shared>,
    caller: Caller,
    Asked(asked): Asked<WholeList>,
) -> Result<Page<PluginView>, Problem> {
    let wanted: Wanted<'_, String> = Wanted::of(&asked, "plugins")?;
    let mut views = all(&shared.engine, &caller);
    views.retain(|view| wanted.after.as_ref().is_none_or(|after| view.name > *after));
    Ok(wanted.page(views, |view| view.name.clone(), |view| view))
}

pub(in crate::http) async fn dry_run(
    shared: Data<Shared>,
    caller: Caller,
    Path((kind, file)): Path<(String, String)>,
    Begun(input): Begun<DryRunInput, MAX_DRY_RUN_BYTES>,
) -> Result<Shown<DryRun>, Problem> {
    let script = format!("{kind}/{file}").parse::<ScriptName>();
    let script = script.map_err(|error| Problem::new(Kind::NotFound, format!("{error}.")))?;
    let input = input.finish()?;
    let (tried, _published) = try_out(&shared.engine, &caller, &script, input).await?;
    Ok(Shown(tried))
}
