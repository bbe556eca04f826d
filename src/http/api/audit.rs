//! The audit.

use crate::http::extract::Asker;
use crate::http::reply::{ApiResult, OkJson};
use crate::service::audit::{self, AuditView};

pub(crate) async fn run(by: Asker) -> ApiResult<OkJson<AuditView>> {
    let audit = audit::run(&by.shared.engine, by.caller.account).await?;
    Ok(OkJson(audit))
}
