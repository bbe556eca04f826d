//! The audit.

use crate::http::extract::Asker;
use crate::http::reply::{Answer, Shown};
use crate::service::audit::{self, Audit};

pub(crate) async fn run(by: Asker) -> Answer<Shown<Audit>> {
    let audit = audit::run(&by.shared.engine, by.caller.account).await?;
    Ok(Shown(audit))
}
