//! `herald doctor`: examines what Herald needs, and says of each thing how it is and what to do.
//! It changes nothing, and works beside a running daemon.

mod database;
mod disk;
mod finding;
mod folders;
mod key;
mod mail;
mod network;
mod ports;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use self::finding::{DoctorFinding, FindingState};
use super::output;
use crate::config::Config;

/// What is to be examined besides what the settings and the database name.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Try this https target as well (may be given several times); nothing is sent to it
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
}

impl Doctor {
    /// Examines everything; the exit code is 1 if something would keep Herald from its work.
    pub(super) async fn run(self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        let mut findings = settings(config);
        findings.extend(folders::examine(config));
        findings.extend(disk::examine(config));
        findings.extend(ports::examine(config).await);
        let seen = database::examine(config).await;
        findings.extend(seen.findings);
        findings.extend(key::examine(config, seen.keys.as_deref()));
        findings.extend(network::examine(config, &self.url, &seen.targets).await);
        findings.extend(mail::examine(config).await);
        let count = |state| findings.iter().filter(|it| it.state == state).count();
        let (failed, warnings) = (count(FindingState::Failed), count(FindingState::Warning));
        if json {
            output::json(&json!({
                "failed": failed, "warnings": warnings, "findings": findings,
            }))?;
        } else {
            show(&findings, failed, warnings)?;
        }
        Ok(ExitCode::from(u8::from(failed > 0)))
    }
}

fn show(findings: &[DoctorFinding], failed: usize, warnings: usize) -> anyhow::Result<()> {
    let mut text = String::new();
    for finding in findings {
        finding.write(&mut text);
    }
    let fine = findings.len() - failed - warnings;
    text.push_str(&format!(
        "\n{failed} failed, {warnings} {}, {fine} in order\n",
        if warnings == 1 { "warning" } else { "warnings" },
    ));
    Ok(output::write(&text)?)
}

/// Faulty settings never get here; those that are not known do.
fn settings(config: &Config) -> Vec<DoctorFinding> {
    const CHECK: &str = "settings";
    let file = config
        .file
        .as_ref()
        .map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    let mut findings: Vec<DoctorFinding> = config
        .warnings
        .iter()
        .map(|warning| DoctorFinding::warning(CHECK, warning, "correct or remove it"))
        .collect();
    if findings.is_empty() {
        let found = format!("read without a fault ({file} and the environment)");
        findings.push(DoctorFinding::ok(CHECK, found));
    }
    findings
}
