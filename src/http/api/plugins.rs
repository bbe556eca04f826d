//! The scripts: the list of them, and running one on an event without sending anything.

use crate::domain::event::MAX_EVENT_BYTES;
use crate::http::extract::{Asker, Begun, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::reply::{ApiResult, OkJson};
use crate::plugin::ScriptName;
use crate::service::dry_run::{DryRun, DryRunInput, try_out};
use crate::service::input::WholeList;
use crate::service::plugins::{PluginView, all};

/// Upper bound of a request: an event, and what is around it.
const MAX_DRY_RUN_BYTES: usize = MAX_EVENT_BYTES + (1 << 16);

pub(crate) async fn list(
    by: Asker,
    QueryInput(asked): QueryInput<WholeList>,
) -> ApiResult<Page<PluginView>> {
    let wanted: PageRequest<'_, String> = PageRequest::of(&asked, "plugins")?;
    let mut views = all(&by.shared.engine, &by.caller);
    views.retain(|view| wanted.after.as_ref().is_none_or(|after| view.name > *after));
    Ok(wanted.page(views, |view| view.name.clone(), |view| view))
}

pub(crate) async fn dry_run(
    by: Asker,
    Path((kind, file)): Path<(String, String)>,
    Begun(input): Begun<DryRunInput, MAX_DRY_RUN_BYTES>,
) -> ApiResult<OkJson<DryRun>> {
    let script = format!("{kind}/{file}").parse::<ScriptName>();
    let script =
        script.map_err(|error| ProblemDetails::new(ProblemKind::NotFound, format!("{error}.")))?;
    let (engine, input) = (&by.shared.engine, input.finish()?);
    let (tried, _published) = try_out(engine, &by.caller, &script, input).await?;
    Ok(OkJson(tried))
}
