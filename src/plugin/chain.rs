//! The hooks: in which order scripts and their functions run, what each is given, and what may
//! come back.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::SecondsFormat;
use rhai::{Dynamic, Map};

use super::budget::Budget;
use super::json::{self, JsonError, kind_of, text_of};
use super::runtime::{Runtime, panic_text};
use super::script::{Hook, Script};
use super::source::{ScriptName, SourceFault};
use super::view::{
    Delivered, FailureKind, MailDraft, Part, Run, ScriptEvent, ScriptFailure, ScriptVerdict,
};
use crate::domain::headers::{CustomHeaders, MAX_HEADERS};

/// What a text is without a content type of its own.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
/// A run that is shorter on the wall is not worth a look at the processor time.
const CPU_FROM: Duration = Duration::from_millis(1);
/// The most recipients of one mail.
const MAX_RECIPIENTS: usize = 50;

/// Runs the scripts of one attempt: the event type's, then the subscription's. Each one's
/// `filter`, `transform` and `headers` run in this order (`mail` at the end, for a subscription
/// that delivers by mail), and a later script sees what an earlier one made of the payload.
#[must_use]
pub fn run_chain(runtime: &Runtime, scripts: &[&Script], event: &ScriptEvent<'_>) -> Run {
    let begun = Instant::now();
    let mut parts = Vec::with_capacity(scripts.len());
    runtime.clock.set(event.now.timestamp_millis());
    let verdict = if scripts.is_empty() {
        Ok(ScriptVerdict::Deliver(untouched(event)))
    } else {
        runtime.on_stack(|| {
            let ended = catch_unwind(AssertUnwindSafe(|| {
                Chain::run(runtime, scripts, event, &mut parts)
            }));
            ended.unwrap_or_else(|panic| Err(broke(scripts, &parts, &*panic)))
        })
    };
    if let Err(failure) = &verdict
        && parts.iter().all(|part| part.name != failure.script)
    {
        // It failed outside its hooks, and is judged all the same.
        let mut sources = scripts.iter().map(|script| script.source());
        let source = sources.find(|source| source.name == failure.script);
        parts.extend(source.map(Part::not_run));
    }
    Run {
        verdict,
        log: runtime.budget.take_log(),
        operations: parts.iter().map(|part| part.operations).sum(),
        elapsed: begun.elapsed(),
        scripts: parts,
    }
}

/// A panic outside the scripts' own functions, while values were read or written.
fn broke(scripts: &[&Script], parts: &[Part], panic: &(dyn Any + Send)) -> ScriptFailure {
    let message = panic_text(panic);
    // The script at work has no part yet.
    let at_work = scripts.get(parts.len()).or(scripts.last());
    let script = at_work.map_or_else(ScriptName::of_nobody, |script| script.source().name.clone());
    tracing::error!(plugin = %script, error = message, "a plugin's run panicked");
    ScriptFailure {
        script,
        kind: FailureKind::Panic,
        fault: SourceFault::whole(message),
    }
}

fn untouched(event: &ScriptEvent<'_>) -> Delivered {
    Delivered {
        body: Bytes::copy_from_slice(event.payload),
        changed: false,
        content_type: None,
        headers: Vec::new(),
    }
}

/// The map that hooks get, and what it does not hold of the payload.
pub(super) fn event_map(event: &ScriptEvent<'_>) -> Result<(Map, Option<String>), JsonError> {
    let text = str::from_utf8(event.payload).map_err(|error| JsonError {
        at: error.valid_up_to(),
        detail: "it is not UTF-8",
    })?;
    let payload = json::read(text)?;
    let lost = payload.lost();
    let mut subscription = Map::new();
    subscription.insert("id".into(), event.subscription.id.into());
    subscription.insert("title".into(), event.subscription.title.into());
    subscription.insert("target".into(), event.subscription.shown_target().into());
    let received_at = event
        .received_at
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut map = Map::new();
    map.insert("id".into(), event.id.into());
    map.insert("type".into(), event.event_type.into());
    map.insert("received_at".into(), received_at.into());
    map.insert("attempt".into(), Dynamic::from_int(event.attempt));
    map.insert("payload".into(), payload.value);
    map.insert("subscription".into(), subscription.into());
    Ok((map, lost))
}

/// The state between hooks.
struct Chain<'a> {
    runtime: &'a Runtime,
    /// As the next hook will see it.
    event: Map,
    /// Calls that are still to come: the last one gets the event itself and not a copy.
    calls_left: usize,
    body: Option<String>,
    /// Whether `body` is text and not JSON.
    is_text: bool,
    /// By name in lower case, so that a later script's header takes an earlier one's place.
    headers: BTreeMap<String, (String, String)>,
    mail: Option<MailDraft>,
}

type HookFailure = (FailureKind, SourceFault);

fn bad(message: impl Into<String>) -> HookFailure {
    (FailureKind::BadResult, SourceFault::whole(message))
}

impl<'a> Chain<'a> {
    fn run(
        runtime: &'a Runtime,
        scripts: &[&Script],
        event: &ScriptEvent<'_>,
        parts: &mut Vec<Part>,
    ) -> Result<ScriptVerdict, ScriptFailure> {
        let is_mail = event.subscription.is_mail();
        let wanted = |script: &Script, hook| script.has(hook) && (hook != Hook::Mail || is_mail);
        let calls_left = scripts
            .iter()
            .map(|script| {
                Hook::ALL
                    .iter()
                    .filter(|hook| wanted(script, **hook))
                    .count()
            })
            .sum();
        let (read, lost) = match scripts.first() {
            Some(script) => event_map(event).map_err(|error| ScriptFailure {
                script: script.source().name.clone(),
                kind: FailureKind::Error,
                fault: SourceFault::whole(format!("the payload is {error}")),
            })?,
            None => (Map::new(), None),
        };
        if let Some(lost) = lost {
            runtime.budget.log(&lost);
        }
        let mut chain = Self {
            runtime,
            event: read,
            calls_left,
            body: None,
            is_text: false,
            headers: BTreeMap::new(),
            mail: None,
        };
        for script in scripts {
            let begun = Instant::now();
            runtime.budget.start();
            let ended = chain.script(script, is_mail);
            parts.push(part(script, begun.elapsed(), &runtime.budget));
            match ended {
                Ok(true) => {}
                Ok(false) => {
                    let script = script.source().name.clone();
                    return Ok(ScriptVerdict::Filtered { script });
                }
                Err((kind, fault)) => {
                    let script = script.source().name.clone();
                    return Err(ScriptFailure {
                        script,
                        kind,
                        fault,
                    });
                }
            }
        }
        Ok(chain.verdict(event))
    }

    /// Whether the delivery goes on.
    fn script(&mut self, script: &Script, is_mail: bool) -> Result<bool, HookFailure> {
        if script.has(Hook::Filter) && !self.filter(script)? {
            return Ok(false);
        }
        if script.has(Hook::Transform) {
            self.transform(script)?;
        }
        if script.has(Hook::Headers) {
            let given = self.call(script, Hook::Headers)?;
            self.headers(&given)?;
        }
        if is_mail && script.has(Hook::Mail) {
            let given = self.call(script, Hook::Mail)?;
            self.mail = Some(mail(&given)?);
        }
        Ok(true)
    }

    fn call(&mut self, script: &Script, hook: Hook) -> Result<Dynamic, HookFailure> {
        self.calls_left = self.calls_left.saturating_sub(1);
        let event = if self.calls_left == 0 {
            std::mem::take(&mut self.event)
        } else {
            self.event.clone()
        };
        self.runtime.call(script, hook.as_str(), (event,))
    }

    fn filter(&mut self, script: &Script) -> Result<bool, HookFailure> {
        let given = self.call(script, Hook::Filter)?;
        given.as_bool().map_err(|_other_type| {
            let kind = kind_of(&given);
            bad(format!(
                "filter gave back a {kind}: true or false was expected"
            ))
        })
    }

    fn transform(&mut self, script: &Script) -> Result<(), HookFailure> {
        let given = self.call(script, Hook::Transform)?;
        let most = self.runtime.limits().output_bytes;
        self.is_text = given.is_string();
        let body = match text_of(&given) {
            Some(text) if text.len() > most => {
                return Err(bad(format!(
                    "transform: the text has more than {most} bytes"
                )));
            }
            Some(text) => text.into_owned(),
            None if given.is_map() || given.is_array() => {
                json::write(&given, most).map_err(|error| bad(format!("transform: {error}")))?
            }
            None => {
                let kind = kind_of(&given);
                return Err(bad(format!(
                    "transform gave back a {kind}: a map, an array or a text was expected"
                )));
            }
        };
        self.body = Some(body);
        if self.calls_left > 0 {
            self.event.insert("payload".into(), given);
        }
        Ok(())
    }

    fn headers(&mut self, given: &Dynamic) -> Result<(), HookFailure> {
        let Ok(map) = given.as_map_ref() else {
            let kind = kind_of(given);
            return Err(bad(format!(
                "headers gave back a {kind}: a map was expected"
            )));
        };
        if map.len() > MAX_HEADERS {
            return Err(bad(format!("headers: more than {MAX_HEADERS}")));
        }
        let mut headers = BTreeMap::new();
        for (name, value) in map.iter() {
            let Some(value) = text_of(value) else {
                let kind = kind_of(value);
                return Err(bad(format!(
                    "headers: {name} is a {kind}: a text was expected"
                )));
            };
            headers.insert(name.to_string(), value.into_owned());
        }
        let checked = CustomHeaders::parse(headers).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bad(errors.join("; "))
        })?;
        for (name, value) in checked.iter() {
            let header = (name.to_owned(), value.to_owned());
            self.headers.insert(name.to_ascii_lowercase(), header);
        }
        if self.headers.len() > MAX_HEADERS {
            return Err(bad(format!(
                "headers: more than {MAX_HEADERS} from both scripts"
            )));
        }
        Ok(())
    }

    fn verdict(mut self, event: &ScriptEvent<'_>) -> ScriptVerdict {
        if let Some(mail) = self.mail {
            return ScriptVerdict::Mail(mail);
        }
        let given = self.headers.remove("content-type").map(|(_, value)| value);
        let content_type = given.or_else(|| self.is_text.then(|| PLAIN_TEXT.to_owned()));
        let headers = self.headers.into_values().collect();
        ScriptVerdict::Deliver(match self.body {
            Some(body) => Delivered {
                body: body.into(),
                changed: true,
                content_type,
                headers,
            },
            None => Delivered {
                content_type,
                headers,
                ..untouched(event)
            },
        })
    }
}

fn part(script: &Script, elapsed: Duration, budget: &Budget) -> Part {
    let cpu = if elapsed > CPU_FROM {
        budget.cpu().min(elapsed)
    } else {
        elapsed
    };
    Part {
        elapsed,
        cpu,
        operations: budget.operations(),
        ..Part::not_run(script.source())
    }
}

fn mail(given: &Dynamic) -> Result<MailDraft, HookFailure> {
    let Ok(map) = given.as_map_ref() else {
        let kind = kind_of(given);
        return Err(bad(format!("mail gave back a {kind}: a map was expected")));
    };
    let known = ["subject", "text", "html", "to"];
    if let Some(stranger) = map.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(bad(format!(
            "mail: {stranger} is none of subject, text, html, to"
        )));
    }
    let text = |name: &str| match map.get(name).filter(|value| !value.is_unit()) {
        None => Ok(None),
        Some(value) => match text_of(value) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(bad(format!(
                "mail: {name} is a {}: a text was expected",
                kind_of(value)
            ))),
        },
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| bad(format!("mail: {name} is missing")));
    let subject = needed("subject")?;
    if subject.chars().any(char::is_control) {
        return Err(bad(
            "mail: the subject has a line break or another control character",
        ));
    }
    Ok(MailDraft {
        subject,
        text: needed("text")?,
        html: text("html")?,
        to: map.get("to").map_or(Ok(Vec::new()), recipients)?,
    })
}

/// One address or several. What an address is, the mail layer judges; here they are lines.
fn recipients(given: &Dynamic) -> Result<Vec<String>, HookFailure> {
    let wrong = || bad("mail: to should be an address or an array of at most 50 of them");
    let one = |value: &Dynamic| {
        let text = text_of(value).filter(|text| !text.chars().any(char::is_control));
        text.map(|text| text.into_owned()).ok_or_else(wrong)
    };
    if given.is_unit() {
        return Ok(Vec::new());
    }
    let Ok(array) = given.as_array_ref() else {
        return Ok(vec![one(given)?]);
    };
    if array.len() > MAX_RECIPIENTS {
        return Err(wrong());
    }
    array.iter().map(one).collect()
}
