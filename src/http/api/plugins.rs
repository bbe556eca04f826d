//! The scripts: the list of them, and running one on an event without sending anything.

use crate::domain::event::MAX_EVENT_BYTES;
use crate::http::extract::{Asked, Asker, Begun, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::{Answer, Shown};
use crate::plugin::ScriptName;
use crate::service::dry_run::{DryRun, DryRunInput, try_out};
use crate::service::input::WholeList;
use crate::service::plugins::{PluginView, all};

/// Upper bound of a request: an event, and what stands around it.
const MAX_DRY_RUN_BYTES: usize = MAX_EVENT_BYTES + (1 << 16);

pub(crate) async fn list(by: Asker, Asked(asked): Asked<WholeList>) -> Answer<Page<PluginView>> {
    let wanted: Wanted<'_, String> = Wanted::of(&asked, "plugins")?;
    let mut views = all(&by.shared.engine, &by.caller);
    views.retain(|view| wanted.after.as_ref().is_none_or(|after| view.name > *after));
    Ok(wanted.page(views, |view| view.name.clone(), |view| view))
}

pub(crate) async fn dry_run(
    by: Asker,
    Path((kind, file)): Path<(String, String)>,
    Begun(input): Begun<DryRunInput, MAX_DRY_RUN_BYTES>,
) -> Answer<Shown<DryRun>> {
    let script = format!("{kind}/{file}").parse::<ScriptName>();
    let script = script.map_err(|error| Problem::new(Kind::NotFound, format!("{error}.")))?;
    let (engine, input) = (&by.shared.engine, input.finish()?);
    let (tried, _published) = try_out(engine, &by.caller, &script, input).await?;
    Ok(Shown(tried))
}
