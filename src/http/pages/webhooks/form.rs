//! The form of a webhook as it is shown: one column, help beneath each field, and what is wrong
//! beside it.

use maud::{Markup, html};

use super::draft::{Draft, HeaderRow};
use super::triggers::{self, Group};
use super::words;
use crate::actors::{PluginReport, PluginStatus};
use crate::domain::headers::MAX_HEADERS;
use crate::domain::subscription::{
    MAX_MAX_IN_FLIGHT, MAX_TIMEOUT_SECONDS, MAX_TITLE, SubscriptionState,
};
use crate::http::pages::visit::Visit;
use crate::http::problem::Fault;
use crate::plugin::ScriptKind;

/// Rows for new headers; a script adds more.
const EMPTY_ROWS: usize = 2;

/// The form and what it needs to be shown.
pub(super) struct Form<'a> {
    /// What stands in it.
    pub draft: &'a Draft,
    /// What is wrong with it.
    pub faults: &'a [Fault],
    /// The event types that there are.
    pub groups: &'a [Group],
    /// The scripts that there are.
    pub plugins: &'a [PluginReport],
    /// Where it is sent.
    pub action: String,
    /// What its button says.
    pub button: &'a str,
    /// Where to go without saving.
    pub cancel: String,
}

impl Form<'_> {
    /// The form.
    pub(super) fn show(&self, visit: &Visit) -> Markup {
        let value = |field: &str| self.draft.value(field);
        html! {
            form class="form" method="post" action=(self.action) data-unsaved {
                (visit.csrf())
                @for (field, was) in self.draft.was() {
                    input type="hidden" name={ "was_" (field) } value=(was);
                }
                (self.text("title", "Title", MAX_TITLE, html! {
                    "What the list shows. Left empty, it is the URL's host."
                }))
                (self.text("url", "URL", 4_000, html! {
                    "Where events are sent: " code { "https://…" } " gets them by HTTP, "
                    code { "mailto:name@example.com" } " by mail."
                }))
                (triggers::picker(self.draft, self.groups, &self.faults_of("triggers")))
                (self.state(value("state")))
                (self.plugin(value("plugin")))
                (self.headers())
                details class="more" open[self.has_fault(&["max_in_flight", "timeout_seconds", "retry_schedule"])] {
                    summary { "Limits and retries" }
                    (self.number("max_in_flight", "Requests at once", MAX_MAX_IN_FLIGHT,
                        "As many deliveries are under way at the same time, 1 to 256."))
                    (self.number("timeout_seconds", "Seconds to answer", MAX_TIMEOUT_SECONDS,
                        "A target that has not answered by then counts as failed, 1 to 60."))
                    (self.text("retry_schedule", "Tries again after", 4_000, html! {
                        "Waits after the first, second, … failure, such as " code { "5 s, 5 min, 2 h" }
                        "; at most 30, none longer than 7 d. Left empty, nothing is tried again."
                    }))
                }
                div class="actions" {
                    button class="button primary" type="submit" { (self.button) }
                    a class="button" href=(self.cancel) { "Cancel" }
                }
            }
        }
    }

    fn faults_of(&self, field: &str) -> Vec<String> {
        let of_field = |fault: &&Fault| {
            let mut parts = fault.pointer.trim_start_matches('/').split('/');
            parts.next() == Some(field)
        };
        let mut found: Vec<String> = Vec::new();
        for fault in self.faults.iter().filter(of_field) {
            let place = fault
                .pointer
                .rsplit('/')
                .next()
                .and_then(|it| it.parse::<usize>().ok());
            let which = place
                .filter(|_| field == "triggers")
                .and_then(|it| self.draft.triggers().nth(it));
            let sentence = match which {
                Some(trigger) => format!("“{trigger}”: {}", words::sentence(&fault.detail)),
                None if field == "triggers" && self.draft.triggers().next().is_none() => {
                    "Choose at least one.".to_owned()
                }
                None => words::sentence(&fault.detail),
            };
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
        found
    }

    fn has_fault(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| !self.faults_of(field).is_empty())
    }

    fn text(&self, name: &str, label: &str, most: usize, help: Markup) -> Markup {
        let faults = self.faults_of(name);
        let wrong = !faults.is_empty();
        html! {
            div class="field" {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(self.draft.value(name)) maxlength=(most)
                    autocomplete="off" spellcheck="false" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=(described(name, wrong));
                (errors(name, &faults))
                p class="help" id={ (name) "-help" } { (help) }
            }
        }
    }

    fn number(&self, name: &str, label: &str, most: u16, help: &str) -> Markup {
        let faults = self.faults_of(name);
        let wrong = !faults.is_empty();
        html! {
            div class="field short" {
                label for=(name) { (label) }
                input id=(name) name=(name) type="number" min="1" max=(most) inputmode="numeric"
                    value=(self.draft.value(name)) aria-invalid=[wrong.then_some("true")]
                    aria-describedby=(described(name, wrong));
                (errors(name, &faults))
                p class="help" id={ (name) "-help" } { (help) }
            }
        }
    }

    fn state(&self, chosen: &str) -> Markup {
        let words = |state: SubscriptionState| match state {
            SubscriptionState::Enabled => ("Enabled", "gets every event that its triggers match"),
            SubscriptionState::Paused => ("Paused", "events are held for it until it is resumed"),
            SubscriptionState::Disabled => ("Disabled", "gets nothing, and nothing is held"),
        };
        html! {
            fieldset class="field" {
                legend { "State" }
                @for state in SubscriptionState::ALL {
                    @let (word, meaning) = words(*state);
                    label class="choice" {
                        input type="radio" name="state" value=(state) checked[chosen == state.as_str()];
                        span { (word) " " span class="muted" { (meaning) } }
                    }
                }
                (errors("state", &self.faults_of("state")))
            }
        }
    }

    fn plugin(&self, chosen: &str) -> Markup {
        let named: Vec<&PluginReport> = self
            .plugins
            .iter()
            .filter(|it| it.name.kind() == ScriptKind::Named)
            .collect();
        let gone = !chosen.is_empty() && !named.iter().any(|it| it.name.name() == chosen);
        let faults = self.faults_of("plugin");
        let wrong = !faults.is_empty();
        html! {
            div class="field" {
                label for="plugin" { "Plugin" }
                select id="plugin" name="plugin" aria-describedby=(described("plugin", wrong)) {
                    option value="" { "None" }
                    @if gone { option value=(chosen) selected { (chosen) ": its file is gone" } }
                    @for report in named {
                        option value=(report.name.name()) selected[report.name.name() == chosen] {
                            (report.name.name()) (standing(report.status))
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

/// What a select says of a script beside its name.
pub(super) const fn standing(status: PluginStatus) -> &'static str {
    match status {
        PluginStatus::Ok => ": works",
        PluginStatus::Broken => ": broken",
        PluginStatus::Suspended => ": suspended",
    }
}

fn described(name: &str, wrong: bool) -> String {
    if wrong {
        format!("{name}-error {name}-help")
    } else {
        format!("{name}-help")
    }
}

fn errors(name: &str, faults: &[String]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div id={ (name) "-error" } { @for fault in faults { p class="error" { (fault) } } }
        }
    }
}
