//! The OpenAPI document of the API, made from the handlers' own descriptions.

use std::sync::LazyLock;

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use super::access::{Access, TABLE};
use super::api::{
    accounts, activities, activity_input, activity_types, audit, batch, deliveries, dry_run,
    event_types, events, health, mail_input, mails, plugins, publish, secrets, subscriptions,
    switches, tokens, users,
};
use super::{home, metrics};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Herald",
        description = "Delivers an application's events to other systems. Send a token as \
            `Authorization: Bearer hrld_…`; an operator-wide token names the account that it acts \
            in by the header `Herald-Account`. Errors are problem documents (RFC 9457).",
    ),
    modifiers(&Tokens),
    paths(
        publish::publish, batch::publish_batch, events::list, events::show,
        event_types::list, event_types::show, event_types::create, event_types::change,
        event_types::remove,
        subscriptions::create, subscriptions::list, subscriptions::show, subscriptions::change,
        subscriptions::remove, secrets::show, secrets::rotate, switches::send_test,
        switches::pause, switches::resume, switches::enable, switches::disable,
        deliveries::list, deliveries::show, deliveries::resend,
        activities::list, activities::summary, activity_input::record,
        activity_input::record_batch, activity_types::list, activity_types::create,
        mail_input::send, mails::list, mails::show,
        plugins::list, dry_run::run,
        accounts::list, accounts::create, accounts::show, accounts::change, accounts::remove,
        tokens::list, tokens::create, tokens::show, tokens::change, tokens::revoke,
        users::list, users::invite, users::show, users::change, users::remove,
        audit::run, home::show, health::healthz, health::readyz, metrics::show,
        health::openapi,
    ),
)]
struct Api;

/// Says of each operation whether it needs a token, and whose, and how it is called: as the table
/// has it.
struct Tokens;

const SCHEME: &str = "token";

impl Modify for Tokens {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(SCHEME, scheme);
        for entry in TABLE {
            let Some(item) = document.paths.paths.get_mut(entry.pattern) else {
                continue;
            };
            let operation = match entry.method.as_str() {
                "GET" => item.get.as_mut(),
                "POST" => item.post.as_mut(),
                "PATCH" => item.patch.as_mut(),
                "DELETE" => item.delete.as_mut(),
                _ => None,
            };
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(entry.operation_id());
            if entry.access == Access::Public {
                operation.security = Some(Vec::new());
            } else {
                let none: [&str; 0] = [];
                operation.security = Some(vec![SecurityRequirement::new(SCHEME, none)]);
                let who = format!("For {}.", entry.access.in_words());
                operation.description = Some(match operation.description.take() {
                    Some(before) if !before.is_empty() => format!("{before}\n\n{who}"),
                    _ => who,
                });
            }
        }
    }
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default());

/// The document as JSON, made once.
#[must_use]
pub fn document() -> &'static str {
    &DOCUMENT
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::access::Entry;

    fn operations() -> BTreeSet<String> {
        let document: serde_json::Value = serde_json::from_str(document()).unwrap();
        let mut found = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                found.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        found
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document: serde_json::Value = serde_json::from_str(document()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|item| item.as_object().unwrap().values());
        let ids: Vec<&str> = operations
            .filter_map(|it| it["operationId"].as_str())
            .collect();
        let different: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), different.len());
        for id in [
            "subscriptions_list",
            "subscriptions_secret_rotate",
            "events_publish_batch",
            "plugins_dry_run",
            "home_show",
        ] {
            assert!(ids.contains(&id), "{id}: {ids:?}");
        }
    }

    #[test]
    fn every_input_has_its_fields_in_the_document() {
        let document: serde_json::Value = serde_json::from_str(document()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut inputs = schemas
            .iter()
            .filter(|(name, _)| name.ends_with("Input") || name.ends_with("Patch"));
        assert!(inputs.clone().count() > 15);
        let bare = inputs.find(|(_, schema)| schema["properties"].is_null());
        assert_eq!(bare, None);
    }

    #[test]
    fn the_document_and_the_table_of_access_name_the_same_routes() {
        let route = |entry: &Entry| format!("{} {}", entry.method, entry.pattern);
        let table: BTreeSet<String> = TABLE.iter().map(route).collect();
        assert_eq!(
            table.len(),
            TABLE.len(),
            "a route stands twice in the table"
        );
        let documented = TABLE.iter().filter(|entry| entry.is_documented());
        assert_eq!(operations(), documented.map(route).collect());
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "a test's own switch, no setting of Herald"
    )]
    fn the_document_is_the_one_that_was_reviewed() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
        let document = format!("{}\n", document());
        if std::env::var_os("HERALD_TEST_BLESS").is_some() {
            std::fs::write(golden, &document).unwrap();
        }
        let known = std::fs::read_to_string(golden).unwrap_or_default();
        assert!(
            known == document,
            "the API changed: look at it, then run with HERALD_TEST_BLESS=1"
        );
    }
}
