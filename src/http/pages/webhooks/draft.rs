//! What somebody entered in the form of a webhook: read from the form or from a webhook, turned
//! into the body that the API's functions take, and merged with what others changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::triggers::{self, TypeGroup};
use super::words;
use crate::domain::headers::MAX_HEADERS;
use crate::domain::subscription::SubscriptionState::Enabled;
use crate::domain::subscription::{DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT_SECONDS};
use crate::http::pages::form::Form;
use crate::service::Fault;
use crate::service::subscriptions::default_schedule;
use crate::store::subscription::Subscription;

/// The fields but for the headers, by the names that the API has for them.
const FIELDS: &[&str] = &[
    "title",
    "url",
    "triggers",
    "state",
    "plugin",
    "max_in_flight",
    "timeout_seconds",
    "retry_schedule",
];

/// Shown in place of a header's value.
pub(super) const MASK: &str = "•••";

/// One row of the headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeaderRow {
    /// Its name as stored; empty: it is a new one.
    pub was: String,
    /// Its name as written.
    pub name: String,
    /// Its value as written; of a stored one, empty means that it stays.
    pub value: String,
}

impl HeaderRow {
    fn new(was: &str, name: &str, value: &str) -> Self {
        let (was, name, value) = (was.to_owned(), name.to_owned(), value.to_owned());
        Self { was, name, value }
    }
}

type Values = BTreeMap<&'static str, String>;

/// What is in the form.
#[derive(Debug, Clone, Default)]
pub(super) struct WebhookDraft {
    values: Values,
    /// What was in it when the form was shown.
    pub was: Values,
    /// The headers, by rows.
    pub headers: Vec<HeaderRow>,
}

impl WebhookDraft {
    /// A new webhook.
    pub(super) fn blank() -> Self {
        let mut draft = Self::default();
        draft.set("state", Enabled.as_str());
        draft.set("max_in_flight", &DEFAULT_MAX_IN_FLIGHT.to_string());
        draft.set("timeout_seconds", &DEFAULT_TIMEOUT_SECONDS.to_string());
        draft.set("retry_schedule", &words::spans(&default_schedule()));
        draft
    }

    /// A webhook as it is. The values of its headers are left out.
    pub(super) fn of(webhook: &Subscription) -> Self {
        let row = |name: &String| HeaderRow::new(name, name, "");
        Self {
            values: stored(webhook),
            was: stored(webhook),
            headers: webhook.headers.keys().map(row).collect(),
        }
    }

    /// What a form says.
    pub(super) fn read(mut form: Form, groups: &[TypeGroup]) -> Self {
        let mut draft = Self::default();
        for field in FIELDS {
            draft.set(field, &form.take(field));
            let was = form.take(&format!("was_{field}"));
            draft.was.insert(field, normal(field, &was));
        }
        let mut names = form.all("trigger");
        for group in form.all("group") {
            names.extend(triggers::of_group(&group, groups).map(str::to_owned));
        }
        names.push(form.take("patterns"));
        draft.set("triggers", &names.join("\n"));
        let row = |place: usize| {
            let mut text = |what: &str| form.take(&format!("header_{what}_{place}"));
            HeaderRow::new(&text("was"), text("name").trim(), text("value").trim())
        };
        // Rows of more than are allowed are kept, so that the form can say so.
        let rows = (0..3 * MAX_HEADERS).map(row);
        draft.headers = rows.filter(|row| *row != HeaderRow::default()).collect();
        draft
    }

    /// A field's value.
    pub(super) fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    /// Puts a value into a field.
    pub(super) fn set(&mut self, field: &'static str, value: &str) {
        self.values.insert(field, normal(field, value));
    }

    pub(super) fn triggers(&self) -> impl Iterator<Item = &str> {
        self.value("triggers").lines()
    }

    /// Where somebody else changed what is changed here as well, with their value. What only others
    /// changed is taken over. From now on the form is one of `now`.
    pub(super) fn merge(&mut self, now: &Subscription) -> Vec<Fault> {
        let stored = stored(now);
        let mut faults = Vec::new();
        for (field, theirs) in &stored {
            let was = self.was.get(field).map_or("", String::as_str);
            let mine = self.value(field);
            if mine == was {
                self.values.insert(field, theirs.clone());
            } else if theirs != was && theirs != mine {
                let theirs = theirs.replace('\n', ", ");
                let change = format!("somebody changed this meanwhile to “{theirs}”");
                let detail = format!("{change}; save again to replace it with yours");
                faults.push(Fault::new(format!("/{field}"), detail));
            }
        }
        self.was = stored;
        faults
    }

    /// The body for the API's functions, and the faults that the form describes better than they.
    /// Of a change it holds what differs from `before`; none: a new webhook.
    pub(super) fn body(&self, before: Option<&Subscription>) -> (Map<String, Value>, Vec<Fault>) {
        let mut body = Map::new();
        let mut faults = Vec::new();
        let stored = before.map(stored).unwrap_or_default();
        for field in FIELDS {
            let text = self.value(field);
            let same = stored.get(field).is_some_and(|it| it == text);
            let optional = matches!(*field, "title" | "plugin");
            if same || (before.is_none() && optional && text.is_empty()) {
                continue;
            }
            let value = match *field {
                "triggers" => self.triggers().collect(),
                "plugin" if text.is_empty() => Value::Null,
                // The input refuses what is not a number.
                "max_in_flight" | "timeout_seconds" => {
                    text.parse::<u32>().map_or(text.into(), Value::from)
                }
                "retry_schedule" => match words::read_spans(text) {
                    Ok(seconds) => json!(seconds),
                    Err(detail) => {
                        faults.push(Fault::new("/retry_schedule", detail));
                        text.into()
                    }
                },
                _ => text.into(),
            };
            body.insert((*field).to_owned(), value);
        }
        if let Some(headers) = self.changed_headers(before, &mut faults) {
            body.insert("headers".to_owned(), headers);
        }
        (body, faults)
    }

    /// The headers as they will be, each row changing what is stored under its name; none: they
    /// stay.
    fn changed_headers(
        &self,
        before: Option<&Subscription>,
        faults: &mut Vec<Fault>,
    ) -> Option<Value> {
        let stored = before.map(|it| it.headers.clone()).unwrap_or_default();
        let mut headers = stored.clone();
        // First, so that two rows may swap their names.
        for row in self.headers.iter().filter(|row| row.name != row.was) {
            headers.remove(&row.was);
        }
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for HeaderRow { was, name, value } in &self.headers {
            if name.is_empty() && (!was.is_empty() || value.is_empty()) {
                continue;
            }
            let stays = !was.is_empty() && (value.is_empty() || value == MASK);
            let value = if stays { stored.get(was) } else { Some(value) };
            if !seen.insert(name.to_ascii_lowercase()) {
                wrong.push(format!("“{name}” is given twice"));
            } else if let Some(value) = value {
                headers.insert(name.clone(), value.clone());
            } else if name != was {
                // A row that was not touched does not bring back what somebody else removed.
                wrong.push(format!("“{was}” was removed meanwhile: enter its value"));
            }
        }
        if wrong.is_empty() {
            return (headers != stored).then(|| json!(headers));
        }
        let wrong = wrong.into_iter();
        faults.extend(wrong.map(|detail| Fault::new("/headers", detail)));
        // Not an object, so the input refuses it together with all else that is wrong.
        Some(Value::Null)
    }
}

/// What is stored of the fields, as the form shows it.
fn stored(webhook: &Subscription) -> Values {
    let value = |field: &&'static str| {
        let text = match *field {
            "title" => webhook.title.clone(),
            "url" => webhook.url.whole().to_owned(),
            "triggers" => webhook.triggers.join("\n"),
            "state" => webhook.state.to_string(),
            "plugin" => webhook.plugin.clone().unwrap_or_default(),
            "max_in_flight" => webhook.max_in_flight.to_string(),
            "timeout_seconds" => webhook.timeout_seconds.to_string(),
            _ => words::spans(&webhook.retry_schedule),
        };
        (*field, normal(field, &text))
    };
    FIELDS.iter().map(value).collect()
}

/// One notation for what means the same.
fn normal(field: &str, text: &str) -> String {
    match field {
        "triggers" => {
            let names: BTreeSet<&str> = text.lines().map(str::trim).collect();
            let names: Vec<&str> = names.into_iter().filter(|it| !it.is_empty()).collect();
            names.join("\n")
        }
        "retry_schedule" => match words::read_spans(text) {
            Ok(seconds) => {
                let seconds = seconds.into_iter();
                let seconds = seconds.map(|it| i32::try_from(it).unwrap_or(i32::MAX));
                words::spans(&seconds.collect::<Vec<_>>())
            }
            Err(_reported_later) => text.trim().to_owned(),
        },
        _ => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{MAIN_ACCOUNT, SubscriptionId};
    use crate::domain::target_url::TargetUrl;

    fn webhook() -> Subscription {
        let made = Utc.timestamp_opt(1_800_000_000, 0).unwrap();
        Subscription {
            id: SubscriptionId::from_uuid(Uuid::nil()),
            account: MAIN_ACCOUNT,
            title: "Orders".to_owned(),
            url: TargetUrl::new("https://example.com/".to_owned()),
            url_locked: None,
            triggers: vec!["B".to_owned(), "A".to_owned()],
            state: Enabled,
            headers_locked: None,
            disabled_reason: None,
            plugin: None,
            headers: BTreeMap::from([("x-key".to_owned(), "geheim".to_owned())]),
            max_in_flight: 8,
            timeout_seconds: 15,
            retry_schedule: vec![5, 300],
            created_at: made,
            updated_at: made,
        }
    }

    #[test]
    fn what_is_left_as_it_was_is_not_sent() {
        let webhook = webhook();
        let mut draft = WebhookDraft::of(&webhook);
        assert_eq!(draft.body(Some(&webhook)), (Map::new(), vec![]));
        draft.set("retry_schedule", "5s, 5 minutes");
        draft.set("triggers", " A \nB");
        assert_eq!(draft.body(Some(&webhook)).0, Map::new());
        draft.set("retry_schedule", "");
        draft.set("title", "New");
        let (body, _) = draft.body(Some(&webhook));
        let expected = json!({ "title": "New", "retry_schedule": [] });
        assert_eq!(Value::from(body), expected);
    }

    #[test]
    fn a_mask_is_never_a_value_and_rows_change_what_is_stored() {
        let webhook = webhook();
        let body = |rows: &[(&str, &str, &str)]| {
            let mut draft = WebhookDraft::of(&webhook);
            let row = |(a, b, c): &(&str, &str, &str)| HeaderRow::new(a, b, c);
            draft.headers = rows.iter().map(row).collect();
            let (body, faults) = draft.body(Some(&webhook));
            (body.get("headers").cloned(), faults.len())
        };
        assert_eq!(body(&[("x-key", "x-key", "")]), (None, 0));
        assert_eq!(body(&[("x-key", "x-key", MASK)]), (None, 0));
        let renamed = json!({ "x-other": "geheim" });
        assert_eq!(body(&[("x-key", "x-other", MASK)]), (Some(renamed), 0));
        let both = json!({ "x-key": "geheim", "a": "b" });
        let kept_and_new = body(&[("x-key", "x-key", ""), ("", "a", "b")]);
        assert_eq!(kept_and_new, (Some(both), 0));
        assert_eq!(body(&[("x-key", "", "")]), (Some(json!({})), 0));
        let new = json!({ "x-key": "new" });
        assert_eq!(body(&[("x-key", "x-key", "new")]).0, Some(new));
        assert_eq!(body(&[("", "a", "1"), ("", "A", "2")]).1, 1);
        // Somebody else removed it: the row that was not touched does not bring it back.
        assert_eq!(body(&[("x-gone", "x-gone", "")]), (None, 0));
        assert_eq!(body(&[("x-gone", "x-new", "")]).1, 1);
    }

    #[test]
    fn what_two_people_change_is_told_and_the_rest_is_merged() {
        let before = webhook();
        let mut draft = WebhookDraft::of(&before);
        draft.set("title", "Mine");
        let mut now = webhook();
        now.url = TargetUrl::new("https://example.org/".to_owned());
        assert_eq!(draft.merge(&now), vec![]);
        let (body, _) = draft.body(Some(&now));
        assert_eq!(Value::from(body), json!({ "title": "Mine" }));
        now.title = "Theirs".to_owned();
        let faults = draft.merge(&now);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].detail.contains("“Theirs”"));
        // Whoever saves again has seen it.
        assert_eq!(draft.merge(&now), vec![]);
        let (body, _) = draft.body(Some(&now));
        assert_eq!(Value::from(body), json!({ "title": "Mine" }));
    }
}
