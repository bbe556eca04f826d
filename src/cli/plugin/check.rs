//! `herald plugin check`: what is wrong with scripts, in lines that editors and CI understand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{in_one_line, name_of};
use crate::catalogue;
use crate::cli::output;
use crate::config::Config;
use crate::domain::event_type::nearest;
use crate::plugin::{self, Limits, ScriptKind, Source, SourceFault, TestResult, read_script};

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckPlugins {
    /// Scripts, or folders with triggers/ and named/ in them; none: the folder of HERALD_PLUGINS_DIR
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report {
    scripts: Vec<CheckedScript>,
    tests: usize,
    faults: usize,
}

/// One script, for machines.
#[derive(Debug, Serialize)]
struct CheckedScript {
    file: String,
    hash: Option<String>,
    hooks: Vec<String>,
    tests: Vec<Tested>,
    faults: Vec<ReportedFault>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tested {
    name: String,
    passed: bool,
    log: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ReportedFault {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    source_line: Option<String>,
    #[serde(skip)]
    shown: String,
}

impl CheckPlugins {
    pub(super) fn run(self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        let limits = Limits::from_config(config);
        let scripts: Vec<CheckedScript> = self
            .scripts(config)?
            .iter()
            .map(|file| check(file, &limits))
            .collect();
        let report = Report {
            tests: scripts.iter().map(|script| script.tests.len()).sum(),
            faults: scripts.iter().map(|script| script.faults.len()).sum(),
            scripts,
        };
        if json {
            output::json(&report)?;
        } else {
            show(&report)?;
        }
        Ok(ExitCode::from(u8::from(report.faults > 0)))
    }

    fn scripts(&self, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
        if self.files.is_empty() {
            let folder = &config.plugins.dir;
            return scripts_of(folder).with_context(|| {
                format!(
                    "cannot read the plugins folder {} (HERALD_PLUGINS_DIR)",
                    folder.display()
                )
            });
        }
        let mut scripts = Vec::new();
        for file in &self.files {
            if file.is_dir() {
                let inside = scripts_of(file);
                scripts.extend(inside.with_context(|| format!("cannot read {}", file.display()))?);
            } else {
                scripts.push(file.clone());
            }
        }
        Ok(scripts)
    }
}

/// The scripts of a plugins folder, or those that are in a folder itself.
fn scripts_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut scripts = listed(folder)?;
    for kind in [ScriptKind::Trigger, ScriptKind::Named] {
        let inner = folder.join(kind.folder());
        if inner.is_dir() {
            scripts.extend(listed(&inner)?);
        }
    }
    Ok(scripts)
}

fn listed(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".rhai") && !name.starts_with('.') {
            scripts.push(entry.path());
        }
    }
    scripts.sort();
    Ok(scripts)
}

fn check(path: &Path, limits: &Limits) -> CheckedScript {
    let mut checked = CheckedScript {
        file: output::plain(&path.display().to_string()),
        hash: None,
        hooks: Vec::new(),
        tests: Vec::new(),
        faults: Vec::new(),
        warnings: Vec::new(),
    };
    let read = name_of(path).and_then(|name| Ok(Source::new(name, read_script(path)?)));
    let source = match read {
        Ok(source) => source,
        Err(reason) => {
            checked.fault(SourceFault::whole(reason));
            return checked;
        }
    };
    checked.hash = Some(source.hash.hex());
    let facts = match plugin::check(&source.text, limits) {
        Ok(facts) => facts,
        Err(fault) => {
            checked.fault(fault);
            return checked;
        }
    };
    checked.hooks = facts.hooks.iter().map(ToString::to_string).collect();
    checked.warnings = warnings(path, &source);
    match plugin::run_tests(&source, limits) {
        Ok(tests) => tests.into_iter().for_each(|test| checked.test(test)),
        Err(fault) => checked.fault(fault),
    }
    checked
}

/// What is allowed but most likely not meant.
fn warnings(path: &Path, source: &Source) -> Vec<String> {
    let mut warnings = Vec::new();
    let folder = path.parent().and_then(Path::file_name);
    let placed = [ScriptKind::Trigger, ScriptKind::Named]
        .iter()
        .any(|kind| folder.is_some_and(|name| name == kind.folder()));
    if !placed {
        warnings.push("it acts once it is in triggers/ or named/".to_owned());
    }
    let name = source.name.name();
    if source.name.kind() == ScriptKind::Trigger && catalogue::find(name).is_none() {
        let known = catalogue::builtin().iter().map(|known| known.name.as_str());
        if let Some(near) = nearest(name, known).first() {
            warnings.push(format!(
                "no built-in event type is called {name}; did you mean {near}?"
            ));
        }
    }
    warnings
}

impl CheckedScript {
    fn test(&mut self, test: TestResult) {
        self.tests.push(Tested {
            passed: test.result.is_ok(),
            name: test.name.clone(),
            log: test.log,
        });
        if let Err(mut fault) = test.result {
            fault.message = format!("{}: {}", test.name, fault.message);
            self.fault(fault);
        }
    }

    fn fault(&mut self, fault: SourceFault) {
        self.faults.push(ReportedFault {
            shown: in_one_line(&self.file, &fault),
            line: fault.line,
            column: fault.column,
            message: fault.message,
            source_line: fault.source_line,
        });
    }
}

/// Faults are the result and go to standard output; all else goes to standard error.
fn show(report: &Report) -> std::io::Result<()> {
    for script in &report.scripts {
        for warning in &script.warnings {
            output::report(&output::plain(&format!(
                "{}: warning: {warning}",
                script.file
            )));
        }
        for fault in &script.faults {
            output::line(&output::plain(&fault.shown))?;
            if let (Some(line), Some(shown)) = (fault.line, &fault.source_line) {
                output::line(&output::plain(&format!("  {line} | {shown}")))?;
            }
        }
    }
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    };
    output::report(&format!(
        "{}, {}, {}",
        count(report.scripts.len(), "script"),
        count(report.tests, "test"),
        count(report.faults, "fault")
    ));
    Ok(())
}
