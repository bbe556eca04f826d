//! The catalogue as it is shipped: whole, true to the reference, and at one with itself.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::domain::event_type::check_name;

fn example(known: &EventType) -> Value {
    let text = known.example.as_ref().expect("an example").get();
    serde_json::from_str(text).expect("an example is JSON")
}

#[test]
fn every_group_can_be_read() {
    for text in GROUPS {
        group::read(text).unwrap();
    }
}

#[test]
fn the_types_of_the_reference_and_of_the_back_office_stand_in_their_groups() {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for known in builtin() {
        match groups.last_mut() {
            Some((group, count)) if *group == known.group => *count += 1,
            _ => groups.push((&known.group, 1)),
        }
    }
    assert_eq!(
        groups,
        [
            ("Site", 5),
            ("Blog", 1),
            ("Comments", 5),
            ("Third-party store", 9),
            ("Native store", 3),
            ("Membership", 3),
            ("Back office", 7),
        ]
    );
}

#[test]
fn names_are_unique_and_legal_and_can_be_found() {
    let names: BTreeSet<&str> = builtin().iter().map(|known| known.name.as_str()).collect();
    assert_eq!(names.len(), 33);
    for name in names {
        assert_eq!(check_name(name), Ok(()));
        assert_eq!(find(name).map(|known| known.name.as_str()), Some(name));
    }
    assert!(find("publish").is_none());
}

#[test]
fn every_type_is_described() {
    for known in builtin() {
        assert!(
            known.builtin && known.validation.is_none(),
            "{}",
            known.name
        );
        assert!(
            !known.title.is_empty() && known.description.ends_with('.'),
            "{}",
            known.name
        );
        for field in &known.fields {
            assert!(
                field.description.ends_with('.'),
                "{} {}",
                known.name,
                field.path
            );
        }
    }
}

#[test]
fn every_built_in_schema_compiles() {
    for known in builtin() {
        let schema = known.schema.as_ref().unwrap();
        Validator::compile(schema).unwrap_or_else(|error| panic!("{}: {error}", known.name));
        assert!(builtin_validator(&known.name).is_some(), "{}", known.name);
    }
    assert!(builtin_validator("NO_SUCH_TYPE").is_none());
}

#[test]
fn a_built_in_schema_is_compiled_once() {
    let (first, second) = (builtin_validator("PUBLISH"), builtin_validator("PUBLISH"));
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}

#[test]
fn every_example_fits_its_own_schema_and_no_other_type_s() {
    for known in builtin() {
        let example = example(known);
        for other in builtin() {
            let violations = builtin_validator(&other.name).unwrap().validate(&example);
            let same = known.name == other.name;
            assert_eq!(
                violations.is_empty(),
                same,
                "{} {}: {violations:?}",
                known.name,
                other.name
            );
        }
    }
}

#[test]
fn an_example_is_published_on_one_line() {
    for known in builtin() {
        let text = known.example.as_ref().unwrap().get();
        assert!(
            !text.contains('\n') && text.starts_with(r#"{""#),
            "{}",
            known.name
        );
        assert!(!text.contains("email protected"), "{}", known.name);
    }
    let order = find("STORE_ORDER_CREATED").unwrap();
    let text = order.example.as_ref().unwrap().get();
    assert!(text.starts_with(r#"{"data":{"siteAlias":"ce73c59e","eventType":"order.created""#));
    assert_eq!(text.len(), 396);
}

/// The payloads as the reference shows them, the masked addresses included; only the trailing
/// comma of UNPUBLISH, which is no JSON, is fixed.
#[test]
fn the_payloads_of_the_reference_pass_as_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/payloads");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let payload: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = payload["event_type"].as_str().unwrap();
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(name));
        let violations = builtin_validator(name).unwrap().validate(&payload);
        assert_eq!(violations, [], "{name}");

        // Our own example is the same payload with an address put where the mask is.
        let text = payload
            .to_string()
            .replace("[email protected]", "owner@example.com");
        assert_eq!(example(find(name).unwrap()).to_string(), text);
        seen += 1;
    }
    assert_eq!(seen, 26);
}

#[test]
fn only_the_event_type_is_required() {
    for known in builtin() {
        let validator = builtin_validator(&known.name).unwrap();
        let bare = serde_json::json!({ "event_type": known.name });
        assert_eq!(validator.validate(&bare), [], "{}", known.name);
        let mut nulls = example(known);
        nulls["data"] = Value::Null;
        nulls["source"] = Value::Null;
        nulls["more"] = serde_json::json!({ "than": ["the", "reference", "shows"] });
        assert_eq!(validator.validate(&nulls), [], "{}", known.name);
    }
}

#[test]
fn every_field_is_in_the_example_or_called_optional() {
    for known in builtin() {
        let example = example(known);
        for field in &known.fields {
            let pointer = format!("/{}", field.path.replace('.', "/"));
            assert!(
                field.path.contains("[]")
                    || field.description.contains("Optional")
                    || example.pointer(&pointer).is_some(),
                "{} {}",
                known.name,
                field.path
            );
        }
    }
}

#[test]
fn everything_in_an_example_is_a_documented_field() {
    for known in builtin() {
        let fields: BTreeSet<&str> = known
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        assert_eq!(
            fields.len(),
            known.fields.len(),
            "{}: a path is there twice",
            known.name
        );
        let mut open = vec![(String::new(), example(known))];
        while let Some((path, value)) = open.pop() {
            match value {
                Value::Object(members) if !members.is_empty() => {
                    let dot = if path.is_empty() { "" } else { "." };
                    open.extend(
                        members
                            .into_iter()
                            .map(|(name, value)| (format!("{path}{dot}{name}"), value)),
                    );
                }
                Value::Array(values) if !values.is_empty() => {
                    open.extend(values.into_iter().map(|value| (format!("{path}[]"), value)));
                }
                _ => assert!(fields.contains(path.as_str()), "{} {path}", known.name),
            }
        }
    }
}

#[test]
fn a_wrong_type_is_told_by_its_pointer() {
    let order = find("STORE_ORDER_CREATED").unwrap();
    let mut payload = example(order);
    payload["data"]["data"]["orderId"] = serde_json::json!(1);
    payload["event_timestamp"] = serde_json::json!("now");
    let violations = builtin_validator(&order.name).unwrap().validate(&payload);
    let found: Vec<(&str, &str)> = violations
        .iter()
        .map(|violation| (violation.pointer.as_str(), violation.detail.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("/data/data/orderId", "must be a string, but is a number"),
            ("/event_timestamp", "must be an integer, but is a string"),
        ]
    );
}

#[test]
fn a_value_outside_a_listed_set_is_told_with_the_set() {
    let mut payload = example(find("MEMBER_CREATED").unwrap());
    payload["data"]["status"] = serde_json::json!("GONE");
    let violations = builtin_validator("MEMBER_CREATED")
        .unwrap()
        .validate(&payload);
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].pointer, "/data/status");
    assert_eq!(
        violations[0].detail,
        r#"must be one of "ACTIVE", "PENDING" or "UNAUTHORIZED", but is "GONE""#
    );
}
