//! How subscriptions look on a terminal. The JSON is shown as the API answered it, so that a
//! field that this file does not know is not lost.

use serde_json::{Map, Value};

use super::super::output;

/// A new one, with its secret.
pub(super) fn made(made: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        output::json(made)?;
        return Ok(());
    }
    output::pairs(&[
        ("id", text(made.get("id"))),
        ("secret", text(made.get("secret"))),
    ])?;
    Ok(())
}

/// Many of them.
pub(super) fn list(found: &[Map<String, Value>], json: bool) -> anyhow::Result<()> {
    if json {
        output::json(&found)?;
        return Ok(());
    }
    let columns = [
        "id",
        "title",
        "url",
        "triggers",
        "state",
        "plugin",
        "last_status",
        "last_attempt_at",
    ];
    let headings = [
        "id",
        "title",
        "target",
        "triggers",
        "state",
        "plugin",
        "last status",
        "last attempt",
    ];
    let row = |one: &Map<String, Value>| columns.map(|column| text(one.get(column)));
    output::table(&headings, found.iter().map(row))?;
    Ok(())
}

/// One of them, every field.
pub(super) fn one(one: &Value, json: bool) -> anyhow::Result<()> {
    match one.as_object() {
        Some(fields) if !json => {
            let rows: Vec<(&str, String)> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), text(Some(value))))
                .collect();
            output::pairs(&rows)?;
        }
        _ => output::json(one)?,
    }
    Ok(())
}

/// The secret alone, so that a script can take it.
pub(super) fn secret(answer: &Value, json: bool) -> anyhow::Result<()> {
    match answer.get("secret").and_then(Value::as_str) {
        Some(secret) if !json => output::line(secret)?,
        _ => output::json(answer)?,
    }
    Ok(())
}

/// What became of a test.
pub(super) fn test(answer: &Value, json: bool) -> anyhow::Result<()> {
    match answer
        .get("event_id")
        .or_else(|| answer.get("id"))
        .and_then(Value::as_str)
    {
        Some(event) if !json => {
            output::line(&format!(
                "The test event {} is on its way.",
                output::plain(event)
            ))?;
        }
        _ => output::json(answer)?,
    }
    Ok(())
}

/// A value as text: texts bare, lists joined, nothing as a dash.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| text(Some(item))).collect();
            items.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_for_people() {
        assert_eq!(text(None), "-");
        assert_eq!(text(Some(&json!(null))), "-");
        assert_eq!(text(Some(&json!("a"))), "a");
        assert_eq!(text(Some(&json!(["a", 2]))), "a, 2");
        assert_eq!(text(Some(&json!({"a": 1}))), r#"{"a":1}"#);
    }
}
