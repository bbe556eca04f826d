//! The list of the scripts.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::fields::Query;
use crate::http::page::{self, Page, Wanted};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::plugins::{PluginView, all};

const LIST: &str = "plugins";

/// List plugins, by name
///
/// The scripts of the plugins folder as the daemon that serves this request has them. How a script
/// does is judged for each account by itself.
#[utoipa::path(
    get, path = "/v1/plugins", tag = "plugins",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<PluginView>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let wanted: Wanted<String> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let mut views = all(&shared.engine, &caller);
    views.retain(|view| wanted.after.as_ref().is_none_or(|after| view.name > *after));
    let next = page::cut(&mut views, wanted.limit, |view| view.name.clone());
    Ok(page::answer(&request, LIST, views, next))
}
