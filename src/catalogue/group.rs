//! Reads one group's file into event types.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::event_type::{EventType, Field};

/// The file: a group and its types.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group<'a> {
    group: String,
    #[serde(borrow)]
    event_types: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    name: String,
    title: String,
    description: String,
    fields: Vec<Field>,
    schema: serde_json::Value,
    #[serde(borrow)]
    example: &'a RawValue,
}

/// Reads a group's file.
///
/// # Errors
///
/// The text is not JSON of the shape above.
pub(super) fn read(text: &str) -> Result<Vec<EventType>, serde_json::Error> {
    let Group { group, event_types } = serde_json::from_str(text)?;
    let types = event_types.into_iter().map(|entry| {
        Ok(EventType {
            name: entry.name,
            group: group.clone(),
            title: entry.title,
            description: entry.description,
            fields: entry.fields,
            schema: Some(entry.schema),
            example: Some(RawValue::from_string(compact(entry.example.get()))?),
            validation: None,
            builtin: true,
        })
    });
    types.collect()
}

/// JSON without the white space between its tokens. An example is published byte for byte, so
/// it must not carry the indentation of our file; and it does not go through `Value`, which
/// would sort its names and rewrite its numbers.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    json.chars()
        .filter(|&character| {
            if in_string {
                let closes = character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
                in_string = !closes;
                true
            } else {
                in_string = character == '"';
                !character.is_ascii_whitespace()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn compact_json_keeps_order_numbers_and_the_insides_of_strings() {
        let json = "{ \"b\" : [ 1.50 , 1E3 ],\n\t\"a b\": \"x \\\" , \\\\\" , \"c\" : \"é \" }";
        assert_eq!(
            compact(json),
            r#"{"b":[1.50,1E3],"a b":"x \" , \\","c":"é "}"#
        );
    }

    #[test]
    fn a_misspelt_member_is_refused() {
        let error = read(r#"{"group": "A", "event_types": [], "colour": 1}"#).err();
        assert!(error.is_some_and(|error| error.to_string().contains("colour")));
    }

    proptest! {
        #[test]
        fn compact_json_means_the_same(texts in proptest::collection::vec(".{0,20}", 0..5)) {
            let value = serde_json::json!({ "texts": texts, "n": [1, -2.5, null, true] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), value.to_string());
        }
    }
}
