//! The audit.

use actix_web::web::Data;

use crate::http::problem::Problem;
use crate::http::reply::Shown;
use crate::http::shared::Shared;
use crate::service::audit::{self, Audit};
use crate::service::callers::Caller;

pub(in crate::http) async fn run(
    shared: Data<Shared>,
    caller: Caller,
) -> Result<Shown<Audit>, Problem> {
    Ok(Shown(audit::run(&shared.engine, caller.account).await?))
}
