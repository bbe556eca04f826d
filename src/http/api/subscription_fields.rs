//! Reading the fields of a subscription, for making one and for changing one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::actors::Engine;
use crate::domain::destination::Destination;
use crate::domain::event_type::nearest;
use crate::domain::headers::CustomHeaders;
use crate::domain::retry::RetrySchedule;
use crate::domain::subscription::{
    MAX_MAX_IN_FLIGHT, MAX_TIMEOUT_SECONDS, MAX_TITLE, MAX_TRIGGERS, SubscriptionState,
};
use crate::domain::trigger::Trigger;
use crate::http::fields::{self, Fields};
use crate::http::problem::Problem;
use crate::http::targets;
use crate::plugin::{ScriptKind, check_name};
use crate::store::subscription::Subscription;

/// As many scripts are told by name to who names an unknown one.
const MOST_NAMED: usize = 8;

/// What a body says about a subscription; none: it says nothing about that.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) title: Option<String>,
    pub(super) target: Option<Destination>,
    pub(super) triggers: Option<Vec<String>>,
    pub(super) state: Option<SubscriptionState>,
    pub(super) plugin: Option<Option<String>>,
    pub(super) headers: Option<BTreeMap<String, String>>,
    pub(super) max_in_flight: Option<i32>,
    pub(super) timeout_seconds: Option<i32>,
    pub(super) retry_schedule: Option<Vec<i32>>,
}

/// Reads a body, and vets the target that it names. `before` is the subscription that it
/// changes; none: it makes one.
///
/// # Errors
/// Every fault at once.
pub(super) async fn read(
    engine: &Engine,
    body: &[u8],
    before: Option<&Subscription>,
) -> Result<Given, Problem> {
    let new = before.is_none();
    let mut fields = Fields::parse(body)?;
    let title = fields.take("title", fields::text_within(1..=MAX_TITLE));
    let target = |value| Destination::parse(&fields::text(value)?).map_err(|error| words(&error));
    let target = if new {
        fields.need("url", target)
    } else {
        fields.take("url", target)
    };
    if new && !fields.has("triggers") {
        fields.need("triggers", Ok::<Value, String>);
    }
    let trigger = |value| Trigger::parse(&fields::text(value)?).map_err(|error| error.to_string());
    let triggers = fields.take_list("triggers", trigger);
    if let Some(triggers) = &triggers
        && !(1..=MAX_TRIGGERS).contains(&triggers.len())
    {
        let detail = format!(
            "must hold 1 to {MAX_TRIGGERS} triggers, not {}",
            triggers.len()
        );
        fields.fault("/triggers", detail);
    }
    let state = fields.take("state", fields::parsed::<SubscriptionState>);
    let headers = read_headers(&mut fields);
    let within = |most: u16| -> RangeInclusive<i64> { 1..=i64::from(most) };
    let max_in_flight = fields.take("max_in_flight", fields::integer(within(MAX_MAX_IN_FLIGHT)));
    let timeout_seconds = fields.take(
        "timeout_seconds",
        fields::integer(within(MAX_TIMEOUT_SECONDS)),
    );
    let retry_schedule = read_schedule(&mut fields);
    let plugin = fields.take_nullable("plugin", |value| {
        let name = fields::text(value)?;
        // Its file may be gone meanwhile: that is no reason to refuse a change of the title.
        if before.is_some_and(|before| before.plugin.as_ref() == Some(&name)) {
            return Ok(name);
        }
        known_plugin(&name, &engine.plugins().named())?;
        Ok(name)
    });
    fields.later("rate_per_second", &Value::Null);
    fields.later("ordered", &json!(false));
    fields.later("order_key", &Value::Null);
    if let Some(Destination::Mail(_)) = &target
        && headers.as_ref().is_some_and(|headers| !headers.is_empty())
    {
        fields.fault(
            "/headers",
            "are for an https:// target: a mail has none of them",
        );
    }
    if let Some(Destination::Web(target)) = &target
        && let Err(detail) = targets::vet(engine, target).await
    {
        fields.fault("/url", detail);
    }
    fields.finish()?;
    Ok(Given {
        title,
        target,
        triggers: triggers.map(|list| list.iter().map(ToString::to_string).collect()),
        state,
        plugin,
        headers,
        max_in_flight,
        timeout_seconds,
        retry_schedule,
    })
}

/// Checks that a script in `named/` has this name.
fn known_plugin(name: &str, named: &[String]) -> Result<(), String> {
    check_name(ScriptKind::Named, name)?;
    if named.iter().any(|known| known == name) {
        return Ok(());
    }
    let near = nearest(name, named.iter().map(String::as_str));
    let hint = match (near.is_empty(), named.len()) {
        (false, _) => format!("did you mean {}?", near.join(", ")),
        (true, 0) => "there are none yet".to_owned(),
        (true, 1..=MOST_NAMED) => format!("there are {}", named.join(", ")),
        (true, _) => "GET /v1/plugins lists them".to_owned(),
    };
    Err(format!(
        "no script named/{name}.rhai is in the plugins folder; {hint}"
    ))
}

fn read_headers(fields: &mut Fields) -> Option<BTreeMap<String, String>> {
    let given = fields.take("headers", |value| match value {
        Value::Object(map) => Ok(map),
        _ => Err("must be an object of strings".to_owned()),
    })?;
    let mut texts = BTreeMap::new();
    for (name, value) in given {
        match fields::text(value) {
            Ok(text) => {
                texts.insert(name, text);
            }
            Err(detail) => fields.fault(pointer(&name), detail),
        }
    }
    match CustomHeaders::parse(texts.clone()) {
        Ok(_) => Some(texts),
        Err(errors) => {
            for error in errors {
                fields.fault(pointer(&error.name), error.detail);
            }
            None
        }
    }
}

fn pointer(header: &str) -> String {
    if header.is_empty() {
        return "/headers".to_owned();
    }
    let name: String = header.chars().take(256).collect();
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn read_schedule(fields: &mut Fields) -> Option<Vec<i32>> {
    let seconds = fields.take_list(
        "retry_schedule",
        fields::integer::<u32>(0..=i64::from(u32::MAX)),
    )?;
    match RetrySchedule::new(seconds) {
        Ok(schedule) => {
            let seconds = schedule.as_seconds().iter();
            Some(
                seconds
                    .map(|seconds| i32::try_from(*seconds).unwrap_or(i32::MAX))
                    .collect(),
            )
        }
        Err(error) => {
            fields.fault("/retry_schedule", error.to_string());
            None
        }
    }
}

/// An error with its cause, which says what the first sentence leaves open.
fn words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) if !error.to_string().contains(&cause.to_string()) => {
            format!("{error}: {cause}")
        }
        _ => error.to_string(),
    }
}
