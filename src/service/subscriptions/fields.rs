//! What the fields of a subscription take, and what must be looked up to judge them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::input::{
    Faults, Given, InputField, ListOf, OrNull, Text, Whole, made_and_changed,
};
use super::super::targets;
use crate::actors::Engine;
use crate::domain::destination::Destination;
use crate::domain::event_type::nearest;
use crate::domain::headers::{CustomHeaders, MAX_HEADERS};
use crate::domain::retry::{MAX_RETRIES, MAX_STEP_SECONDS, RetrySchedule};
use crate::domain::subscription::{
    MAX_MAX_IN_FLIGHT, MAX_TIMEOUT_SECONDS, MAX_TITLE, MAX_TRIGGERS, SubscriptionState,
};
use crate::domain::trigger::Trigger;
use crate::plugin::{ScriptKind, check_name};
use crate::store::subscription::Subscription;

/// The most scripts that the refusal of an unknown one names.
const MOST_NAMED: usize = 8;

type SubscriptionTitle = Text<1, MAX_TITLE>;
type Triggers = ListOf<Trigger, 1, MAX_TRIGGERS>;
type MaxInFlight = Whole<1, { MAX_MAX_IN_FLIGHT as i32 }>;
type TimeoutSeconds = Whole<1, { MAX_TIMEOUT_SECONDS as i32 }>;

made_and_changed! {
    /// A subscription to be made.
    SubscriptionInput
    /// Changes of a subscription; what is left out stays.
    SubscriptionPatch
    {
        once {}
        needed {
            /// Where it delivers: `https://…`, `http://…` inside of HERALD_ALLOW_NETWORKS, or
            /// `mailto:…`.
            url: Destination = "https://example.com/hooks",
            /// Names of event types; `*` matches any characters.
            triggers: Triggers = ["STORE_ORDER_*"],
        }
        /// What people call it. A new one that has none is called after the host of its URL.
        title: SubscriptionTitle = "Orders to the warehouse",
        /// Whether it matches and delivers. A new one is `enabled` unless it says otherwise.
        state: SubscriptionState = "enabled",
        /// A script in `named/`, without folder and ending; null: none.
        plugin: OrNull<String> = null,
        /// All headers of its own that go with each request.
        headers: Headers = {"x-api-key": "secret"},
        /// Requests under way at once. A new one has 8 unless it says otherwise.
        max_in_flight: MaxInFlight = 8,
        /// Not supported yet.
        rate_per_second: Later = null,
        /// Not supported yet.
        ordered: NotYet = null,
        /// Not supported yet.
        order_key: Later = null,
        /// Seconds for one attempt as a whole. A new one has 15 unless it says otherwise.
        timeout_seconds: TimeoutSeconds = 15,
        /// Seconds after each failure.
        retry_schedule: RetrySchedule = [5, 300, 1800],
    }
}

impl InputField for Destination {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        given.read(faults, |text| {
            Self::parse(text).map_err(|error| with_cause(&error))
        })
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl InputField for Trigger {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        given.read(faults, Self::parse)
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// Headers of the operator's own.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers(pub(super) BTreeMap<String, String>);

/// Their values may be secret.
impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl InputField for Headers {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let Given::Json(Value::Object(map)) = given else {
            return faults.refuse("must be an object of strings");
        };
        let before = faults.count();
        let mut texts = BTreeMap::new();
        for (name, value) in map {
            match Given::Json(value).text() {
                Ok(text) => {
                    texts.insert(name, text);
                }
                Err(detail) => faults.add_beneath(&name, detail),
            }
        }
        if let Err(errors) = CustomHeaders::parse(texts.clone()) {
            for error in errors {
                match error.name.as_str() {
                    "" => faults.add(error.detail),
                    name => faults.add_beneath(name, error.detail),
                }
            }
        }
        (faults.count() == before).then_some(Self(texts))
    }

    fn schema() -> Value {
        json!({
            "type": "object", "additionalProperties": { "type": "string" },
            "maxProperties": MAX_HEADERS,
        })
    }
}

impl InputField for RetrySchedule {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let steps = ListOf::<Step, 0, { usize::MAX }>::read(given, faults)?;
        let steps = steps.0.into_iter().map(|step| step.0).collect();
        faults.note(Self::new(steps))
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": Step::schema(), "maxItems": MAX_RETRIES })
    }
}

/// Seconds between two attempts.
struct Step(u32);

impl InputField for Step {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        match given.whole().map(u32::try_from) {
            Some(Ok(seconds)) => Some(Self(seconds)),
            _ => faults.refuse(format!("must be a whole number from 0 to {}", u32::MAX)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": MAX_STEP_SECONDS })
    }
}

/// A field of a later version, which is null until then.
#[derive(Debug, Clone, Copy)]
pub struct Later;

impl InputField for Later {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        if matches!(given, Given::Json(Value::Null)) {
            return Some(Self);
        }
        faults.refuse("is not supported yet: leave it out or null")
    }

    fn schema() -> Value {
        json!({ "type": "null" })
    }
}

/// A field of a later version, which is false until then.
#[derive(Debug, Clone, Copy)]
pub struct NotYet;

impl InputField for NotYet {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        if matches!(given, Given::Json(Value::Null | Value::Bool(false))) {
            return Some(Self);
        }
        faults.refuse("is not supported yet: leave it out or false")
    }

    fn schema() -> Value {
        json!({ "type": "null" })
    }
}

/// What of a subscription must be looked up to be judged.
pub(super) struct Judged<'a> {
    pub(super) plugin: Option<&'a Option<OrNull<String>>>,
    pub(super) url: Option<&'a Destination>,
    pub(super) headers: Option<&'a Option<Headers>>,
}

/// Judges what must be looked up: the script, and where the target leads. `before` is the
/// subscription that is changed, if one is.
pub(super) async fn judge(
    engine: &Engine,
    given: Judged<'_>,
    before: Option<&Subscription>,
    faults: &mut Faults,
) {
    // Its file may be gone meanwhile: that is no reason to refuse a change of the title.
    let known = |name: &String| before.is_some_and(|it| it.plugin.as_ref() == Some(name));
    if let Some(Some(OrNull(Some(name)))) = given.plugin
        && !known(name)
        && let Err(detail) = known_plugin(name, &engine.plugins().named())
    {
        faults.add_at("/plugin", detail);
    }
    let headers = given.headers.and_then(Option::as_ref);
    match given.url {
        Some(Destination::Mail(_)) if headers.is_some_and(|it| !it.0.is_empty()) => {
            let detail = "are for an https:// target: a mail has none of them";
            faults.add_at("/headers", detail);
        }
        Some(Destination::Web(target)) => {
            if let Err(detail) = targets::vet(engine, target).await {
                faults.add_at("/url", detail);
            }
        }
        _ => {}
    }
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

/// An error with its cause, which says what the first sentence leaves open.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) if !error.to_string().contains(&cause.to_string()) => {
            format!("{error}: {cause}")
        }
        _ => error.to_string(),
    }
}
