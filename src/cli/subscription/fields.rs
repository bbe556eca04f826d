//! The fields of a subscription as options, turned into the JSON that the API takes. What is
//! right for a field is the API's business: it answers for all fields at once.

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::WrongUsage;
use crate::domain::subscription::SubscriptionState;

#[derive(Debug, Args)]
pub(super) struct Fields {
    /// What people call it
    #[arg(long)]
    title: Option<String>,
    /// Where it delivers
    #[arg(long, value_name = "TARGET")]
    url: Option<String>,
    /// An event type or a pattern with `*`; may be given several times
    #[arg(long = "trigger", value_name = "PATTERN")]
    triggers: Vec<String>,
    /// Whether it matches and delivers
    #[arg(long, value_name = "enabled|paused|disabled")]
    state: Option<SubscriptionState>,
    /// The script in `named/` that acts for it, such as `only-paid-orders`
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// No script acts for it
    #[arg(long, conflicts_with = "plugin")]
    no_plugin: bool,
    /// A header of each request, as `Name: value`; may be given several times
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// No headers of its own
    #[arg(long, conflicts_with = "headers")]
    no_headers: bool,
    /// How many requests may be under way at once
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    /// Seconds for one attempt as a whole
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Seconds after the first failure, the second …, as 5,300,1800
    #[arg(long, value_name = "SECONDS", value_delimiter = ',')]
    retry: Option<Vec<u32>>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let parts = text
        .split_once(':')
        .filter(|(name, _)| !name.trim().is_empty());
    let (name, value) = parts.ok_or_else(|| "write it as `Name: value`".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl Fields {
    /// The body for a new subscription.
    pub(super) fn for_new(self) -> anyhow::Result<Value> {
        if self.title.is_none() || self.url.is_none() || self.triggers.is_empty() {
            let wanted = "a new subscription needs --title, --url and at least one --trigger";
            return Err(WrongUsage(wanted).into());
        }
        Ok(self.given()?.into())
    }

    /// The fields that were given, for a change.
    pub(super) fn given(self) -> anyhow::Result<Map<String, Value>> {
        let names_plugin = self.no_plugin || self.plugin.is_some();
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        put("title", self.title.map(Value::from));
        put("url", self.url.map(Value::from));
        put(
            "triggers",
            Some(self.triggers)
                .filter(|all| !all.is_empty())
                .map(Value::from),
        );
        put("state", self.state.map(|state| json!(state)));
        let plugin = self.plugin.filter(|name| !name.is_empty());
        put("plugin", names_plugin.then(|| json!(plugin)));
        let mut headers = Map::new();
        for (name, value) in self.headers {
            if headers.insert(name, value.into()).is_some() {
                return Err(WrongUsage("a header was given twice").into());
            }
        }
        put(
            "headers",
            (self.no_headers || !headers.is_empty()).then(|| headers.into()),
        );
        put("max_in_flight", self.max_in_flight.map(Value::from));
        put("timeout_seconds", self.timeout.map(Value::from));
        put("retry_schedule", self.retry.map(Value::from));
        Ok(fields)
    }
}
