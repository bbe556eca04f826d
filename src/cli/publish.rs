//! `herald publish`: one event from a file, a file of events (NDJSON) in batches, or the
//! examples of the built-in event types. The bytes are sent as they are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::ApiConnection;
use super::output;
use crate::catalogue;
use crate::domain::event::MAX_BATCH_EVENTS;
use crate::transport::api_client::{ApiClient, ApiError, FieldFault, RejectedLine};

/// A batch is sent before it grows past this, so that a long file needs little memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Publish {
    /// A file with one event (JSON), or `-` for standard input
    #[arg(value_name = "FILE|-", required_unless_present = "examples")]
    file: Option<PathBuf>,
    /// The file holds many events, one a line (NDJSON)
    #[arg(long, requires = "file")]
    batch: bool,
    /// Publish the example of each built-in event type
    #[arg(long, conflicts_with = "file")]
    examples: bool,
    /// An idempotency key: the same key publishes the same events once only
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    connection: ApiConnection,
}

/// What became of all batches, with lines as the file counts them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct BatchAnswer {
    accepted: u64,
    #[serde(default)]
    rejected: Vec<RejectedLine>,
    #[serde(default)]
    ids: Vec<Value>,
    #[serde(default)]
    duplicates: Vec<u64>,
    #[serde(default)]
    warnings: Vec<Warned>,
}

/// A line that was accepted though it does not fit its type's schema.
#[derive(Debug, Serialize, Deserialize)]
struct Warned {
    line: u64,
    warnings: Vec<FieldFault>,
}

impl Publish {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let client = self.connection.open()?;
        let key = self.key.as_deref();
        match &self.file {
            Some(path) if self.batch => {
                let answer = publish_lines(&client, open(path)?, key).await;
                show(
                    &answer.with_context(|| format!("cannot publish {}", shown(path)))?,
                    json,
                )
            }
            Some(path) => {
                let mut bytes = Vec::new();
                let read = open(path)?.read_to_end(&mut bytes);
                read.with_context(|| format!("cannot read {}", shown(path)))?;
                publish_one(&client, bytes.into(), key, json)
                    .await
                    .with_context(|| format!("cannot publish {}", shown(path)))
            }
            None => {
                let answer = publish_lines(&client, examples()?.as_slice(), key).await;
                show(&answer.context("cannot publish the examples")?, json)
            }
        }
    }
}

async fn publish_one(
    client: &ApiClient,
    bytes: Bytes,
    key: Option<&str>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let answer: Value = client
        .publish("/v1/events", "application/json", bytes, key)
        .await?;
    if json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = answer.get("id").and_then(Value::as_str).unwrap_or("-");
    let deliveries = answer
        .get("deliveries")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let before = match answer.get("duplicate").and_then(Value::as_bool) {
        Some(true) => " (published before)",
        _ => "",
    };
    output::line(&output::plain(&format!(
        "{id}: {}{before}",
        count(deliveries, "delivery")
    )))?;
    if let Some(warnings) = answer
        .get("warnings")
        .filter(|warnings| !warnings.is_null())
    {
        report_faults("warning: ", &Vec::<FieldFault>::deserialize(warnings)?);
    }
    Ok(ExitCode::SUCCESS)
}

async fn publish_lines(
    client: &ApiClient,
    mut lines: impl BufRead,
    key: Option<&str>,
) -> anyhow::Result<BatchAnswer> {
    let mut all = BatchAnswer::default();
    let mut batch = Vec::new();
    let (mut before, mut sent, mut ended) = (0, 0, false);
    while !ended {
        let mut held = 0;
        while held < MAX_BATCH_EVENTS && batch.len() < BATCH_BYTES && !ended {
            let read = lines
                .read_until(b'\n', &mut batch)
                .context("cannot read on")?;
            ended = read == 0;
            held += usize::from(!ended);
        }
        if held == 0 {
            break;
        }
        // The same file falls into the same batches, so that their keys can be repeated.
        let key = match (key, sent) {
            (Some(key), 1..) => Some(format!("{key}.{}", sent + 1)),
            (key, _) => key.map(str::to_owned),
        };
        let bytes = Bytes::from(std::mem::take(&mut batch));
        if bytes.iter().all(u8::is_ascii_whitespace) {
            before += held as u64;
            continue;
        }
        let answer = client
            .publish::<BatchAnswer>(
                "/v1/events/batch",
                "application/x-ndjson",
                bytes,
                key.as_deref(),
            )
            .await
            .or_else(|error| match error {
                // No line of it is good; those of other batches may be.
                ApiError::Refused { problem, .. } if !problem.rejected.is_empty() => {
                    Ok(BatchAnswer {
                        rejected: problem.rejected,
                        ..BatchAnswer::default()
                    })
                }
                error => Err(error),
            })
            .with_context(|| match before {
                0 => "nothing was published".to_owned(),
                lines => format!("lines 1 to {lines} were published, nothing after them"),
            })?;
        all.accepted += answer.accepted;
        let shifted = answer.rejected.into_iter();
        all.rejected.extend(shifted.map(|it| RejectedLine {
            line: it.line + before,
            ..it
        }));
        all.ids.extend(answer.ids);
        let duplicates = answer.duplicates.into_iter();
        all.duplicates.extend(duplicates.map(|line| line + before));
        let shifted = answer.warnings.into_iter();
        all.warnings.extend(shifted.map(|it| Warned {
            line: it.line + before,
            ..it
        }));
        before += held as u64;
        sent += 1;
    }
    Ok(all)
}

fn show(answer: &BatchAnswer, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(answer)?;
    } else {
        let before = match answer.duplicates.len() {
            0 => String::new(),
            number => format!(", {number} of them published before"),
        };
        output::line(&format!(
            "{} accepted{before}",
            count(answer.accepted, "event")
        ))?;
        for rejected in &answer.rejected {
            let text = format!("line {}: {}", rejected.line, rejected.detail);
            output::report(&output::plain(&text));
            report_faults("  ", &rejected.errors);
        }
        for warned in &answer.warnings {
            report_faults(
                &format!("line {}: warning: ", warned.line),
                &warned.warnings,
            );
        }
    }
    if answer.rejected.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::report(&format!(
        "herald: {} rejected",
        count(answer.rejected.len() as u64, "event")
    ));
    Ok(ExitCode::FAILURE)
}

fn report_faults(before: &str, faults: &[FieldFault]) {
    for FieldFault { pointer, detail } in faults {
        output::report(&output::plain(&format!("{before}{pointer}: {detail}")));
    }
}

/// One example of each built-in event type, one a line.
fn examples() -> anyhow::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for event_type in catalogue::builtin() {
        let Some(example) = &event_type.example else {
            continue;
        };
        if example.get().contains(['\n', '\r']) {
            let value: Value = serde_json::from_str(example.get())?;
            serde_json::to_writer(&mut lines, &value)?;
        } else {
            lines.extend_from_slice(example.get().as_bytes());
        }
        lines.push(b'\n');
    }
    Ok(lines)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// `1 event`, `2 events`, `1 delivery`, `0 deliveries`.
fn count(number: u64, word: &str) -> String {
    match (number, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_one_line_of_json_with_its_name() {
        let lines = examples().unwrap();
        let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
        let (last, lines) = lines.split_last().unwrap();
        assert!(last.is_empty());
        assert_eq!(lines.len(), catalogue::builtin().len());
        for (line, event_type) in lines.iter().zip(catalogue::builtin()) {
            let value: Value = serde_json::from_slice(line).unwrap();
            assert_eq!(value["event_type"], event_type.name);
        }
    }

    #[test]
    fn numbers_agree_with_their_words() {
        assert_eq!(count(1, "delivery"), "1 delivery");
        assert_eq!(count(0, "delivery"), "0 deliveries");
        assert_eq!(count(2, "event"), "2 events");
    }
}
