//! `herald check-config`: the settings in force. Faulty ones never get here: they are told as
//! the command's failure, all at once.

use serde_json::{Map, Value};

use super::output;
use crate::config::Config;

pub(super) fn run(config: &Config, json: bool) -> anyhow::Result<()> {
    for warning in &config.warnings {
        output::tell(&format!("warning: {warning}"));
    }
    if json {
        let settings: Map<_, _> = config
            .describe()
            .map(|(setting, value)| (setting.key.to_owned(), Value::String(value)))
            .collect();
        output::json(&settings)?;
    } else {
        let row = |(setting, value): (&crate::config::Setting, String)| {
            let value = if value.is_empty() {
                "-".to_owned()
            } else {
                value
            };
            [setting.key.to_owned(), value, setting.variable.to_owned()]
        };
        output::table(
            &["setting", "value", "variable"],
            config.describe().map(row),
        )?;
    }
    Ok(())
}
