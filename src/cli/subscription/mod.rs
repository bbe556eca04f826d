//! `herald subscription …`: the subscriptions of an account, over the API.

mod fields;
mod show;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::fields::Fields;
use super::client::ApiConnection;
use super::{WrongUsage, output};
use crate::domain::id::SubscriptionId;
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::transport::api_client::{ApiClient, Method};

/// How many a page of the list is asked to hold.
const PAGE: &str = "200";

#[derive(Debug, Subcommand)]
pub(super) enum SubscriptionCommand {
    /// Add one, and print its secret
    Add(AddSubscription),
    /// List them
    List(ListSubscriptions),
    /// Show one
    Show(OneSubscription),
    /// Change what is given, leave the rest
    Edit(EditSubscription),
    /// Remove one; what it still had open is cancelled
    Remove(OneSubscription),
    /// Print its signing secret
    Secret(OneSubscription),
    /// Make a new secret; the old one signs as well for a while
    Rotate(Rotate),
    /// Hold its deliveries
    Pause(OneSubscription),
    /// Deliver again
    Resume(Resume),
    /// Let it match and deliver
    Enable(OneSubscription),
    /// Let it match nothing new
    Disable(OneSubscription),
    /// Send it the example of an event type
    Test(Test),
}

#[derive(Debug, Args)]
pub(super) struct AddSubscription {
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    connection: ApiConnection,
}

#[derive(Debug, Args)]
pub(super) struct ListSubscriptions {
    /// Only those in this state
    #[arg(long, value_name = "enabled|paused|disabled")]
    state: Option<SubscriptionState>,
    /// What they are sorted by
    #[arg(long, value_parser = ["created_at", "updated_at", "id"])]
    sort: Option<String>,
    /// Which way they are sorted
    #[arg(long, value_parser = ["asc", "desc"])]
    order: Option<String>,
    /// Only those created at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Only those created before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_to: Option<String>,
    #[command(flatten)]
    connection: ApiConnection,
}

#[derive(Debug, Args)]
pub(super) struct OneSubscription {
    /// Its id
    #[arg(value_name = "ID")]
    id: SubscriptionId,
    #[command(flatten)]
    connection: ApiConnection,
}

#[derive(Debug, Args)]
pub(super) struct EditSubscription {
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    one: OneSubscription,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Hours for which the old secret signs as well
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    overlap_hours: u32,
    #[command(flatten)]
    one: OneSubscription,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    /// What happens to what was held
    #[arg(long, value_name = "deliver|drop|newest", default_value_t = HeldChoice::Deliver)]
    held: HeldChoice,
    #[command(flatten)]
    one: OneSubscription,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The event type whose example is sent
    #[arg(long, value_name = "NAME")]
    event_type: Option<String>,
    #[command(flatten)]
    one: OneSubscription,
}

impl SubscriptionCommand {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => {
                let body = add.fields.for_new()?;
                let client = add.connection.open()?;
                let made: Value = client
                    .call_json(Method::POST, "/v1/subscriptions", &body)
                    .await?;
                show::made(&made, json)
            }
            Self::List(list) => {
                let found = all(&list.connection.open()?, list.query()).await?;
                show::list(&found, json)
            }
            Self::Show(one) => show::one(&one.get("").await?, json),
            Self::Edit(EditSubscription { fields, one }) => {
                let changes = fields.given()?;
                if changes.is_empty() {
                    return Err(WrongUsage("nothing to change: name at least one field").into());
                }
                show::one(
                    &one.call_json(Method::PATCH, "", &changes.into()).await?,
                    json,
                )
            }
            Self::Remove(one) => {
                let answer = one.call(Method::DELETE, "").await?;
                done(&answer, json, &one, "removed")
            }
            Self::Secret(one) => show::secret(&one.get("/secret").await?, json),
            Self::Rotate(Rotate { overlap_hours, one }) => {
                let body = json!({ "overlap_hours": overlap_hours });
                show::secret(
                    &one.call_json(Method::POST, "/secret/rotate", &body).await?,
                    json,
                )
            }
            Self::Pause(one) => {
                let answer = one.call(Method::POST, "/pause").await?;
                done(&answer, json, &one, "paused")
            }
            Self::Resume(Resume { held, one }) => {
                let answer = one
                    .call_json(Method::POST, "/resume", &json!({ "held": held }))
                    .await?;
                done(&answer, json, &one, "resumed")
            }
            Self::Enable(one) => {
                let answer = one.call(Method::POST, "/enable").await?;
                done(&answer, json, &one, "enabled")
            }
            Self::Disable(one) => {
                let answer = one.call(Method::POST, "/disable").await?;
                done(&answer, json, &one, "disabled")
            }
            Self::Test(Test { event_type, one }) => {
                let body =
                    event_type.map_or_else(|| json!({}), |name| json!({ "event_type": name }));
                show::test(&one.call_json(Method::POST, "/test", &body).await?, json)
            }
        }
    }
}

impl OneSubscription {
    fn path(&self, below: &str) -> String {
        format!("/v1/subscriptions/{}{below}", self.id)
    }

    async fn get(&self, below: &str) -> anyhow::Result<Value> {
        Ok(self.connection.open()?.get(&self.path(below), &[]).await?)
    }

    async fn call(&self, method: Method, below: &str) -> anyhow::Result<Value> {
        Ok(self
            .connection
            .open()?
            .call(method, &self.path(below))
            .await?)
    }

    async fn call_json(&self, method: Method, below: &str, body: &Value) -> anyhow::Result<Value> {
        Ok(self
            .connection
            .open()?
            .call_json(method, &self.path(below), body)
            .await?)
    }
}

impl ListSubscriptions {
    fn query(&self) -> Vec<(&'static str, String)> {
        let state = self.state.map(|state| state.to_string());
        let given = [
            ("state", state.as_ref()),
            ("sort", self.sort.as_ref()),
            ("order", self.order.as_ref()),
            ("created_from", self.created_from.as_ref()),
            ("created_to", self.created_to.as_ref()),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.clone())));
        given.chain([("limit", PAGE.to_owned())]).collect()
    }
}

/// Follows the pages to the end: people who list subscriptions want them all.
async fn all(
    client: &ApiClient,
    mut query: Vec<(&'static str, String)>,
) -> anyhow::Result<Vec<Map<String, Value>>> {
    #[derive(serde::Deserialize)]
    struct ListPage {
        data: Vec<Map<String, Value>>,
        next_cursor: Option<String>,
    }
    let mut found = Vec::new();
    loop {
        let page: ListPage = client.get("/v1/subscriptions", &query).await?;
        found.extend(page.data);
        let Some(cursor) = page.next_cursor else {
            return Ok(found);
        };
        query.retain(|(name, _)| *name != "cursor");
        query.push(("cursor", cursor));
    }
}

fn done(answer: &Value, json: bool, one: &OneSubscription, what: &str) -> anyhow::Result<()> {
    if json && !answer.is_null() {
        output::json(answer)?;
    } else if !json {
        output::line(&format!("{} is {what}.", one.id))?;
    }
    Ok(())
}
