//! Making something once, however often a request with the same idempotency key asks for it.

use std::str::FromStr;

use super::Result;
use crate::domain::id::AccountId;
pub use crate::store::made_key::{Kind, Making, RequestKey};
use crate::store::{Database, StoreError, made_key};

/// Makes something, or shows what a request with the same key made.
///
/// # Errors
/// Those of making or showing it; the key was used with another body; what it made is gone.
pub(super) async fn once<T, Id: FromStr>(
    database: &Database,
    account: Option<AccountId>,
    (kind, making): (Kind, Making<'_>),
    make: impl Future<Output = Result<T>>,
    show: impl AsyncFnOnce(Id) -> Result<T>,
) -> Result<T> {
    let made = match making.key {
        Some(key) => made_key::find(database, account, kind, key).await?,
        None => None,
    };
    let Some(made) = made else {
        return make.await;
    };
    let unfit = |_| StoreError::Unfit(format!("a key made `{made}`, which is no id"));
    show(made.parse().map_err(unfit)?).await
}
