//! `herald plugin`: checks scripts and tries them, without a daemon and without a database.

mod check;
mod diff;
mod run;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Config;
use crate::plugin::{ScriptKind, ScriptName, SourceFault, check_name};

/// What may be done with plugins.
#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Check scripts and run their test_ functions
    Check(check::CheckPlugins),
    /// Run a script on an event and show what it makes of it
    Run(run::RunPlugin),
}

impl PluginCommand {
    pub(super) fn run(self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(command) => command.run(config, json),
            Self::Run(command) => command.run(config, json),
        }
    }
}

/// The script's name by its file: in a folder `triggers` it is an event type's; anywhere else it
/// counts as a named one. Only a file in one of the two folders must have a legal name.
fn name_of(path: &Path) -> Result<ScriptName, String> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().and_then(Path::file_name);
    let in_folder = |kind: ScriptKind| folder.is_some_and(|name| name == kind.folder());
    if in_folder(ScriptKind::Trigger) {
        check_name(ScriptKind::Trigger, &stem)
    } else if in_folder(ScriptKind::Named) {
        check_name(ScriptKind::Named, &stem)
    } else {
        let name = check_name(ScriptKind::Named, &stem);
        name.or_else(|_| check_name(ScriptKind::Named, "script"))
    }
}

/// `file:line:column: message`, as compilers write it and editors read it. A fault of the whole
/// file is at its beginning.
fn in_one_line(file: &str, fault: &SourceFault) -> String {
    let (line, column) = (fault.line.unwrap_or(1), fault.column.unwrap_or(1));
    format!("{file}:{line}:{column}: {}", fault.message)
}
