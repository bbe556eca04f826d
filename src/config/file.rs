//! The TOML file: finds each value's place, so that a fault can name its line and column.
//! What a value may be is the table's business, not this file's.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::setting::{self, Kind, Setting};
use super::{Config, ConfigFault, did_you_mean};

/// Applies the file at `path` and returns all its faults, in the order of their lines.
pub(super) fn apply(config: &mut Config, path: &Path) -> Vec<ConfigFault> {
    let shown = path.display();
    let source = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(source)) => source,
        Ok(Err(error)) => {
            let at = error.utf8_error().valid_up_to();
            let detail = format!("is not valid UTF-8 (byte {at})");
            return vec![ConfigFault {
                where_: shown.to_string(),
                detail,
            }];
        }
        Err(error) => {
            let detail = format!("cannot be read: {error}");
            return vec![ConfigFault {
                where_: shown.to_string(),
                detail,
            }];
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&source);
    if !errors.is_empty() {
        // What was recovered from a broken file is a guess: its values are not judged.
        let fault = |error: &toml::de::Error| {
            let (line, column) = place(&source, error.span().unwrap_or(0..0));
            ConfigFault {
                where_: format!("{shown}:{line}:{column}"),
                detail: format!("is not TOML: {}", error.message()),
            }
        };
        return errors.iter().map(fault).collect();
    }
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut faults = Vec::new();
    for (key, value) in entries {
        let name = key.get_ref().as_ref();
        let (span, judged) = match setting::all().find(|setting| setting.key == name) {
            Some(setting) => {
                let judged =
                    text_of(setting, value.get_ref()).and_then(|text| (setting.set)(config, &text));
                let (line, column) = place(&source, value.span());
                let at = format!("{shown}:{line}:{column}");
                config.sources.insert(setting.key, at);
                (value.span(), judged)
            }
            None => {
                let hint = did_you_mean(name, setting::all().map(|setting| setting.key));
                (key.span(), Err(format!("is not a setting of Herald{hint}")))
            }
        };
        if let Err(detail) = judged {
            let (line, column) = place(&source, span);
            faults.push(ConfigFault {
                where_: format!("{shown}:{line}:{column} {name}"),
                detail,
            });
        }
    }
    faults
}

/// The value as the text that the table's parser reads, if it has the setting's kind.
fn text_of(setting: &Setting, value: &DeValue<'_>) -> Result<String, String> {
    match (setting.kind, value) {
        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => {
            Ok(number.as_str().to_owned())
        }
        (Kind::List, DeValue::Array(items)) => {
            let mut texts = Vec::with_capacity(items.len());
            for item in items.iter() {
                match item.get_ref() {
                    DeValue::String(text) => texts.push(text.to_string()),
                    other => {
                        return Err(format!("should hold texts only, not {}", kind_of(other)));
                    }
                }
            }
            Ok(texts.join(","))
        }
        (kind, other) => Err(format!(
            "should be {}, not {}",
            kind.with_article(),
            kind_of(other)
        )),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number in another notation",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Line and column, both from 1; the column counts characters.
fn place(source: &str, span: Range<usize>) -> (usize, usize) {
    let before = source.get(..span.start).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}
