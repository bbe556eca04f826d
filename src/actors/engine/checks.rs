//! What the handle offers of schemas: judging new ones, and checking events by them, on the
//! threads that are for that.

use serde_json::Value;

use super::Engine;
use crate::actors::intake::checking::{Check, Checked, JudgedSchema};
use crate::domain::id::AccountId;

impl Engine {
    /// Checks events of one request by the schemas of their types, in their order.
    pub async fn check(&self, account: AccountId, checks: Vec<Check>) -> Vec<Checked> {
        self.checker.check(account, checks).await
    }

    /// Judges a schema that somebody makes or changes, and its example. None: too many schemas
    /// and events of the account wait already.
    pub async fn judge_schema(
        &self,
        account: AccountId,
        schema: Value,
        example: Option<Value>,
    ) -> Option<JudgedSchema> {
        self.checker.judge(account, schema, example).await
    }
}
