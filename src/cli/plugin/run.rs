//! `herald plugin run`: one script on one event, and everything that it came to.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{diff, in_one_line, name_of};
use crate::catalogue;
use crate::cli::output;
use crate::config::Config;
use crate::domain::destination::Destination;
use crate::domain::event::{MAX_EVENT_BYTES, parse_envelope};
use crate::domain::event_type::nearest;
use crate::plugin::{
    self, Delivered, Limits, Runtime, ScriptEvent, ScriptSubscription, ScriptVerdict, Source,
    read_script,
};
use crate::store::clock::DatabaseClock;

#[derive(Debug, Args)]
pub(in crate::cli) struct RunPlugin {
    /// The script
    #[arg(value_name = "FILE")]
    script: PathBuf,
    /// A file with the event (JSON), or `-` for standard input
    #[arg(long, value_name = "FILE|-", required_unless_present = "type_")]
    event: Option<PathBuf>,
    /// Use the example of this built-in event type
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "event")]
    type_: Option<String>,
    /// The number of the attempt
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    attempt: i64,
    /// The target that the script sees, https:// or mailto:
    #[arg(long, value_name = "URL", default_value = "https://example.com/")]
    target: String,
}

impl RunPlugin {
    pub(super) fn run(self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        let file = output::plain(&self.script.display().to_string());
        let source = name_of(&self.script)
            .and_then(|name| Ok(Source::new(name, read_script(&self.script)?)))
            .map_err(|reason| anyhow!("{file}: {reason}"))?;
        let runtime = Runtime::new(Limits::from_config(config));
        let script = runtime
            .compile(&source)
            .map_err(|fault| anyhow!(in_one_line(&file, &fault)))?;
        let payload = self.payload()?;
        let envelope = parse_envelope(&payload).context("the event cannot be used")?;
        Destination::parse(&self.target).context("--target cannot be used")?;
        let now = DatabaseClock::new().now();
        let event = ScriptEvent {
            id: "evt_01jz0000000000000000000000",
            event_type: &envelope.event_type,
            received_at: now,
            attempt: self.attempt,
            payload: &payload,
            subscription: ScriptSubscription {
                id: "sub_01jz0000000000000000000000",
                title: "Example",
                target: &self.target,
            },
            now,
        };
        let run = plugin::run_chain(&runtime, &[&script], &event);
        if json {
            output::json(&in_json(&run))?;
        } else {
            show(&run, &file, &payload)?;
        }
        Ok(ExitCode::from(u8::from(run.verdict.is_err())))
    }

    fn payload(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(name) = &self.type_ {
            let Some(found) = catalogue::find(name) else {
                let known = catalogue::builtin().iter().map(|known| known.name.as_str());
                let near = nearest(name, known);
                let hint = match near.first() {
                    Some(near) => format!("; did you mean {near}?"),
                    None => String::new(),
                };
                bail!("no built-in event type is called `{name}`{hint}");
            };
            let example = found.example.as_ref();
            let example = example.ok_or_else(|| anyhow!("{name} has no example"))?;
            return Ok(example.get().as_bytes().to_vec());
        }
        let path = self.event.as_deref().unwrap_or_else(|| "-".as_ref());
        let shown = path.display();
        let input: Box<dyn Read> = if path.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path).with_context(|| format!("cannot open {shown}"))?)
        };
        let mut bytes = Vec::new();
        let most = MAX_EVENT_BYTES as u64 + 1;
        (input.take(most).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {shown}"))?;
        if bytes.len() > MAX_EVENT_BYTES {
            bail!("{shown} is longer than an event may be ({MAX_EVENT_BYTES} bytes)");
        }
        Ok(bytes)
    }
}

fn in_json(run: &plugin::Run) -> Value {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
    match &run.verdict {
        Ok(ScriptVerdict::Deliver(delivered)) => {
            put("decision", "deliver".into());
            put("changed", delivered.changed.into());
            put("content_type", content_type(delivered).into());
            let headers = delivered.headers.iter().cloned();
            put(
                "headers",
                Value::Object(headers.map(|(name, value)| (name, value.into())).collect()),
            );
            put("body", String::from_utf8_lossy(&delivered.body).into());
        }
        Ok(ScriptVerdict::Filtered { .. }) => put("decision", "filtered".into()),
        Ok(ScriptVerdict::Mail(mail)) => {
            put("decision", "mail".into());
            let mail = json!({
                "to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html,
            });
            put("mail", mail);
        }
        Err(failure) => {
            put("decision", "failed".into());
            let fault = &failure.fault;
            let error = json!({
                "kind": failure.kind.as_str(), "message": fault.message, "line": fault.line,
                "column": fault.column, "source_line": fault.source_line,
            });
            put("error", error);
        }
    }
    put("log", run.log.clone().into());
    put("operations", run.operations.into());
    let microseconds = u64::try_from(run.elapsed.as_micros()).unwrap_or(u64::MAX);
    put("microseconds", microseconds.into());
    Value::Object(answer)
}

fn content_type(delivered: &Delivered) -> &str {
    let json = "application/json";
    delivered.content_type.as_deref().unwrap_or(json)
}

fn show(run: &plugin::Run, file: &str, payload: &[u8]) -> io::Result<()> {
    match &run.verdict {
        Ok(ScriptVerdict::Deliver(delivered)) => show_delivered(delivered, payload)?,
        Ok(ScriptVerdict::Filtered { .. }) => {
            output::line("decision: filtered, it is not delivered")?
        }
        Ok(ScriptVerdict::Mail(mail)) => {
            output::line("decision: mail")?;
            let to = match mail.to.as_slice() {
                [] => "the subscription's target".to_owned(),
                some => some.join(", "),
            };
            output::line(&output::plain(&format!("to: {to}")))?;
            output::line(&output::plain(&format!("subject: {}", mail.subject)))?;
            lines(&mail.text)?;
            if let Some(html) = &mail.html {
                output::line("html:")?;
                lines(html)?;
            }
        }
        Err(failure) => {
            output::line(&format!("decision: failed ({})", failure.kind.as_str()))?;
            let fault = &failure.fault;
            output::line(&output::plain(&in_one_line(file, fault)))?;
            if let (Some(line), Some(shown)) = (fault.line, &fault.source_line) {
                output::line(&output::plain(&format!("  {line} | {shown}")))?;
            }
        }
    }
    for line in &run.log {
        output::line(&output::plain(&format!("log: {line}")))?;
    }
    let (operations, elapsed) = (run.operations, run.elapsed);
    output::line(&format!("{operations} operations in {elapsed:.1?}"))
}

fn show_delivered(delivered: &Delivered, payload: &[u8]) -> io::Result<()> {
    let body = if delivered.changed {
        "changed"
    } else {
        "as published"
    };
    output::line(&format!("decision: deliver, the body {body}"))?;
    for (name, value) in &delivered.headers {
        output::line(&output::plain(&format!("header: {name}: {value}")))?;
    }
    if let Some(kind) = &delivered.content_type {
        output::line(&output::plain(&format!("content-type: {kind}")))?;
        if !kind.contains("json") {
            return lines(&String::from_utf8_lossy(&delivered.body));
        }
    }
    lines(&diff::unified(payload, &delivered.body))
}

/// Several lines, each made harmless to a terminal.
fn lines(text: &str) -> io::Result<()> {
    text.lines()
        .try_for_each(|line| output::line(&output::plain(line)))
}
