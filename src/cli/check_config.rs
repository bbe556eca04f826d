//! `herald check-config`: the settings in force, and where each was found. Faulty values never get
//! here: they are reported as the command's failure, all at once. What the start would find faulty
//! beyond them (the files that settings name) is looked at here.

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::output;
use crate::config::{Config, KeyFile, KeyFileError, Setting};
use crate::mail::MailSettings;
use crate::store::Database;

pub(super) fn run(config: &Config, json: bool, quiet: bool) -> anyhow::Result<ExitCode> {
    for warning in &config.warnings {
        output::report(&format!("warning: {warning}"));
    }
    let faults = faults(config);
    if !faults.is_empty() {
        for (place, reason) in faults {
            output::report(&format!("herald: {place}: {reason}"));
        }
        return Ok(ExitCode::FAILURE);
    }
    if quiet {
        return Ok(ExitCode::SUCCESS);
    }
    if json {
        let settings: Map<_, _> = config
            .describe()
            .map(|(setting, value)| (setting.key.to_owned(), Value::String(value)))
            .collect();
        output::json(&settings)?;
    } else {
        let row = |(setting, value): (&Setting, String)| {
            let value = if value.is_empty() {
                "-".to_owned()
            } else {
                value
            };
            let source = config.source(setting.key).unwrap_or("default").to_owned();
            [setting.key.to_owned(), value, source]
        };
        output::table(&["setting", "value", "from"], config.describe().map(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the start would refuse: where its setting is, and why.
fn faults(config: &Config) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let place = |key: &str| match config.source(key) {
        Some(source) if source.contains(':') => format!("{source} {key}"),
        Some(source) => source.to_owned(),
        None => key.to_owned(),
    };
    if let Some(url) = &config.database.url
        && let Err(error) = Database::trusting(url, config.database.ca_file.as_deref(), 1)
    {
        let text = error.to_string();
        let of_ca = config.database.ca_file.as_ref();
        let of_ca = of_ca.is_some_and(|path| text.contains(&*path.to_string_lossy()));
        let key = if of_ca {
            "database_ca_file"
        } else {
            "database_url"
        };
        faults.push((place(key), text));
    }
    // The doctor reports who may not read it: this may be another user than Herald's.
    if let Err(error) = KeyFile::of(config).read()
        && !matches!(error, KeyFileError::Unreadable { .. })
    {
        faults.push((place("key_file"), error.to_string()));
    }
    if let Err(error) = MailSettings::from_config(&config.mail, &config.data_dir) {
        faults.push((place(error.setting()), error.to_string()));
    }
    faults
}
