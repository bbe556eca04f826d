//! The form of a webhook as it is shown: one column, help beneath each field, and what is wrong
//! beside it.

use super::draft::{HeaderRow, WebhookDraft};
use super::triggers::{self, TypeGroup};
use super::words;
use crate::actors::PluginStatus;
use crate::domain::headers::MAX_HEADERS;
use crate::domain::subscription::SubscriptionState::{self, Disabled, Enabled, Paused};
use crate::domain::subscription::{MAX_MAX_IN_FLIGHT, MAX_TIMEOUT_SECONDS, MAX_TITLE};
use crate::http::pages::prelude::*;
use crate::plugin::ScriptKind;
use crate::service::Fault;

/// Rows for new headers; a script adds more.
const EMPTY_ROWS: usize = 2;

/// The form and what it needs to be shown.
pub(super) struct WebhookForm<'a> {
    /// What is in it.
    pub draft: &'a WebhookDraft,
    /// What is wrong with it.
    pub faults: &'a [Fault],
    /// The event types that there are.
    pub groups: &'a [TypeGroup],
    /// Where to go without saving, above the page with the form.
    pub here: &'a str,
    /// It makes a webhook, and does not change one.
    pub new: bool,
}

impl WebhookForm<'_> {
    /// The form.
    pub(super) fn show(&self, visit: &Visit) -> Markup {
        let (last, button) = match self.new {
            true => ("/new", "Add webhook"),
            false => ("/edit", "Save"),
        };
        let more = ["max_in_flight", "timeout_seconds", "retry_schedule"];
        let open = more.iter().any(|field| !self.faults_of(field).is_empty());
        html! {
            form class="form" method="post" action={ (self.here) (last) } data-unsaved {
                (visit.csrf())
                @for (field, was) in &self.draft.was {
                    input type="hidden" name={ "was_" (field) } value=(was);
                }
                (self.input("text", "title", "Title", MAX_TITLE, html! {
                    "Shown in the list. If it is empty, the URL's host is shown."
                }))
                (self.input("text", "url", "URL", 4_000, html! {
                    "Where events are sent: " code { "https://…" } " gets them by HTTP, "
                    code { "mailto:name@example.com" } " by mail."
                }))
                (triggers::picker(self.draft, self.groups, &self.faults_of("triggers")))
                (self.state())
                (self.plugin(visit))
                (self.headers())
                details class="more" open[open] {
                    summary { "Limits and retries" }
                    (self.input("number", "max_in_flight", "Requests at once", MAX_MAX_IN_FLIGHT.into(), html! {
                        "How many deliveries may run at the same time, 1 to 256."
                    }))
                    (self.input("number", "timeout_seconds", "Timeout in seconds", MAX_TIMEOUT_SECONDS.into(), html! {
                        "An attempt without an answer by then counts as failed, 1 to 60."
                    }))
                    (self.input("text", "retry_schedule", "Retry schedule", 4_000, html! {
                        "Waits before the first, second, … retry, such as " code { "5 s, 5 min, 2 h" }
                        "; at most 30, none longer than 7 d. If it is empty, nothing is retried."
                    }))
                }
                div class="actions" {
                    button class="button primary" type="submit" { (button) }
                    a class="button" href=(self.here) { "Cancel" }
                }
            }
        }
    }

    fn faults_of(&self, field: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for fault in self.faults {
            let mut parts = fault.pointer.trim_start_matches('/').split('/');
            if parts.next() != Some(field) {
                continue;
            }
            let sentence = words::sentence(&fault.detail);
            let place = parts.next_back().and_then(|it| it.parse().ok());
            let trigger = place.and_then(|it| self.draft.triggers().nth(it));
            let sentence = match trigger {
                _ if field != "triggers" => sentence,
                Some(trigger) => format!("“{trigger}”: {sentence}"),
                None if self.draft.triggers().next().is_none() => "Choose at least one.".to_owned(),
                None => sentence,
            };
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
        found
    }

    /// A field for a text, or for a number from 1.
    fn input(&self, kind: &str, name: &str, label: &str, most: usize, help: Markup) -> Markup {
        let faults = self.faults_of(name);
        let wrong = !faults.is_empty();
        let number = kind == "number";
        html! {
            div class=(if number { "field short" } else { "field" }) {
                label for=(name) { (label) }
                @if number {
                    input id=(name) name=(name) type="number" min="1" max=(most) inputmode="numeric"
                        value=(self.draft.value(name)) aria-invalid=[wrong.then_some("true")]
                        aria-describedby=(described(name, wrong));
                } @else {
                    input id=(name) name=(name) value=(self.draft.value(name)) maxlength=(most)
                        autocomplete="off" spellcheck="false" aria-invalid=[wrong.then_some("true")]
                        aria-describedby=(described(name, wrong));
                }
                (errors(name, &faults))
                p class="help" id={ (name) "-help" } { (help) }
            }
        }
    }

    fn state(&self) -> Markup {
        let choice = |state: SubscriptionState, word: &str, meaning: &str| {
            let is_chosen = self.draft.value("state") == state.as_str();
            choice("state", state.as_str(), is_chosen, word, meaning)
        };
        html! {
            fieldset class="field" {
                legend { "State" }
                (choice(Enabled, "Enabled", "gets every event that its triggers match"))
                (choice(Paused, "Paused", "events are held for it until it is resumed"))
                (choice(Disabled, "Disabled", "gets nothing, and nothing is held"))
                (errors("state", &self.faults_of("state")))
            }
        }
    }

    fn plugin(&self, visit: &Visit) -> Markup {
        let chosen = self.draft.value("plugin");
        let mut reports = visit.engine().plugins().list(Some(visit.account));
        reports.retain(|it| it.name.kind() == ScriptKind::Named);
        let gone = !chosen.is_empty() && !reports.iter().any(|it| it.name.name() == chosen);
        let faults = self.faults_of("plugin");
        html! {
            div class="field" {
                label for="plugin" { "Plugin" }
                select id="plugin" name="plugin" aria-describedby=(described("plugin", !faults.is_empty())) {
                    option value="" { "None" }
                    @if gone { option value=(chosen) selected { (chosen) ": its file is gone" } }
                    @for report in &reports {
                        option value=(report.name.name()) selected[report.name.name() == chosen] {
                            (report.name.name())
                            @match report.status {
                                PluginStatus::Ok => ": works",
                                PluginStatus::Broken => ": broken",
                                PluginStatus::Suspended => ": suspended",
                            }
                        }
                    }
                }
                (errors("plugin", &faults))
                p class="help" id="plugin-help" {
                    "A script in the folder " code { "named/" }
                    " that filters or reshapes what this webhook gets."
                }
            }
        }
    }

    fn headers(&self) -> Markup {
        let faults = self.faults_of("headers");
        let rows = self.draft.headers.iter().cloned();
        let empty = EMPTY_ROWS.min(MAX_HEADERS.saturating_sub(self.draft.headers.len()));
        let rows = rows.chain(std::iter::repeat_n(HeaderRow::default(), empty));
        html! {
            fieldset class="field header-rows" data-headers data-most=(MAX_HEADERS) {
                legend { "Headers" }
                p class="help" {
                    "Sent with each request, such as an access token that the target wants. Stored "
                    "values are not shown: a value that is left empty stays as it is. Empty a name to "
                    "remove its header."
                }
                @for fault in &faults { p class="error" { (fault) } }
                @for (place, row) in rows.enumerate() {
                    div class="row" data-row {
                        input type="hidden" name={ "header_was_" (place) } value=(row.was);
                        div {
                            label class="unseen" for={ "header-name-" (place) } { "Name of header " (place + 1) }
                            input id={ "header-name-" (place) } name={ "header_name_" (place) } value=(row.name)
                                placeholder="Name" autocomplete="off" spellcheck="false" maxlength="256";
                        }
                        div {
                            label class="unseen" for={ "header-value-" (place) } { "Value of header " (place + 1) }
                            input id={ "header-value-" (place) } name={ "header_value_" (place) } value=(row.value)
                                placeholder=(if row.was.is_empty() { "Value" } else { "••• stays as it is" })
                                autocomplete="off" spellcheck="false" maxlength="4096";
                        }
                    }
                }
            }
        }
    }
}

/// One of several things to choose from.
pub(super) fn choice(name: &str, value: &str, chosen: bool, title: &str, meaning: &str) -> Markup {
    html! {
        label class="choice" {
            input type="radio" name=(name) value=(value) checked[chosen];
            span { (title) " " span class="muted" { (meaning) } }
        }
    }
}

fn described(name: &str, wrong: bool) -> String {
    match wrong {
        true => format!("{name}-error {name}-help"),
        false => format!("{name}-help"),
    }
}

fn errors(name: &str, faults: &[String]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div id={ (name) "-error" } { @for fault in faults { p class="error" { (fault) } } }
        }
    }
}
