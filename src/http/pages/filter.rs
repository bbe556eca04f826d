//! The filters of a list: a form whose fields are the parameters of the page's address, and
//! chips that say what is set. It works without scripts; with htmx the list alone is exchanged.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::reader::Reader;

/// The choices of a drop-down: one group without a name, or several with names.
pub(super) type Choices = Vec<(String, Vec<(String, String)>)>;

enum Field {
    Search {
        label: String,
        help: String,
    },
    Text {
        label: String,
        help: String,
    },
    Select {
        label: String,
        any: String,
        choices: Choices,
    },
    Dates {
        label: String,
    },
    Hidden,
}

/// A filter bar that is being put together.
pub(super) struct FilterBar {
    path: String,
    fields: Vec<(&'static str, String, Field)>,
}

impl FilterBar {
    /// Of the list at this path.
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            fields: Vec::new(),
        }
    }

    /// A field to search in, the one that `/` goes to.
    #[must_use]
    pub(super) fn search(self, name: &'static str, value: &str, label: &str, help: &str) -> Self {
        let (label, help) = (label.to_owned(), help.to_owned());
        self.field(name, value, Field::Search { label, help })
    }

    /// A field for a text.
    #[must_use]
    pub(super) fn text(self, name: &'static str, value: &str, label: &str, help: &str) -> Self {
        let (label, help) = (label.to_owned(), help.to_owned());
        self.field(name, value, Field::Text { label, help })
    }

    /// A drop-down; `any` is what stands there while nothing is chosen. Choices are groups (one
    /// without a name for a plain list) of value and words.
    #[must_use]
    pub(super) fn select(
        self,
        name: &'static str,
        value: &str,
        label: &str,
        any: &str,
        choices: Choices,
    ) -> Self {
        let (label, any) = (label.to_owned(), any.to_owned());
        self.field(
            name,
            value,
            Field::Select {
                label,
                any,
                choices,
            },
        )
    }

    /// The date fields From and To, with these parameters and what the address says of them.
    #[must_use]
    pub(super) fn dates(
        self,
        reader: &Reader,
        (from, begin): (&'static str, Option<DateTime<Utc>>),
        (to, end): (&'static str, Option<DateTime<Utc>>),
    ) -> Self {
        let day = |at: Option<DateTime<Utc>>| at.map(|at| reader.day(at)).unwrap_or_default();
        // The end is the first moment that is not wanted any more.
        let last = end.map(|end| end - chrono::TimeDelta::milliseconds(1));
        let dates = |label: &str| Field::Dates {
            label: label.to_owned(),
        };
        self.field(from, &day(begin), dates("From"))
            .field(to, &day(last), dates("To"))
    }

    /// A parameter that the bar does not show but keeps, such as the order.
    #[must_use]
    pub(super) fn keep(self, name: &'static str, value: &str) -> Self {
        self.field(name, value, Field::Hidden)
    }

    fn field(mut self, name: &'static str, value: &str, field: Field) -> Self {
        self.fields.push((name, value.to_owned(), field));
        self
    }

    /// Whether anything is set that the bar shows.
    pub(super) fn is_set(&self) -> bool {
        self.shown().next().is_some()
    }

    fn shown(&self) -> impl Iterator<Item = &(&'static str, String, Field)> {
        let shown = |(_, value, field): &&(_, String, Field)| {
            !value.is_empty() && !matches!(field, Field::Hidden)
        };
        self.fields.iter().filter(shown)
    }

    /// The page's address with what is set, but for one parameter.
    pub(super) fn href_without(&self, left_out: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value, _) in &self.fields {
            if !value.is_empty() && *name != left_out {
                query.append_pair(name, value);
            }
        }
        match query.finish() {
            query if query.is_empty() => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// The page's address with what is set, and one parameter more.
    pub(super) fn href_with(&self, name: &str, value: &str) -> String {
        let begin = self.href_without(name);
        let pair = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        let sign = if begin.contains('?') { '&' } else { '?' };
        format!("{begin}{sign}{pair}")
    }

    /// The form.
    pub(super) fn show(&self) -> Markup {
        html! {
            form class="filters" method="get" action=(self.path) role="search"
                hx-get=(self.path) hx-target="#list" hx-select="#list" hx-swap="outerHTML"
                hx-push-url="true" hx-trigger="submit, change, input changed delay:400ms from:find input[type=search]"
                hx-sync="this:queue last" hx-indicator="#list" {
                @for (name, value, field) in &self.fields { (input(name, value, field)) }
                button class="button without-script" type="submit" { "Filter" }
            }
        }
    }

    /// What is set, each with a link that clears it. Stands within the list, so that it follows
    /// the list.
    pub(super) fn chips(&self) -> Markup {
        if !self.is_set() {
            return html! {};
        }
        html! {
            ul class="chips" aria-label="Filters that are set" {
                @for (name, value, field) in self.shown() {
                    li {
                        a href=(self.href_without(name)) data-clears=(name)
                            aria-label=(format!("Clear {}: {}", label(field), words(value, field))) {
                            span { (label(field)) ": " } (words(value, field)) " ×"
                        }
                    }
                }
                li { a class="all" href=(self.path) { "Clear all" } }
            }
        }
    }
}

fn label(field: &Field) -> &str {
    match field {
        Field::Search { label, .. }
        | Field::Text { label, .. }
        | Field::Select { label, .. }
        | Field::Dates { label } => label,
        Field::Hidden => "",
    }
}

/// A value as the field shows it.
fn words<'a>(value: &'a str, field: &'a Field) -> &'a str {
    let Field::Select { choices, .. } = field else {
        return value;
    };
    let mut all = choices.iter().flat_map(|(_, choices)| choices);
    let found = all.find(|(known, _)| known == value);
    found.map_or(value, |(_, words)| words)
}

fn input(name: &str, value: &str, field: &Field) -> Markup {
    let id = format!("filter-{name}");
    html! {
        @match field {
            Field::Hidden => {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            Field::Search { label, help } => {
                div class="search" {
                    label for=(id) { (label) }
                    input id=(id) type="search" name=(name) value=(value) placeholder=(help)
                        maxlength="200" autocomplete="off" data-search;
                }
            }
            Field::Text { label, help } => {
                div {
                    label for=(id) { (label) }
                    input id=(id) type="search" name=(name) value=(value) placeholder=(help)
                        maxlength="200" autocomplete="off";
                }
            }
            Field::Dates { label } => {
                div class="date" {
                    label for=(id) { (label) }
                    // A year that is being typed is not sent: 0002 is no year of the log.
                    input id=(id) type="date" name=(name) value=(value) min="1970-01-01"
                        max="9999-12-31";
                }
            }
            Field::Select { label, any, choices } => {
                div {
                    label for=(id) { (label) }
                    select id=(id) name=(name) {
                        option value="" { (any) }
                        @let known = choices.iter().flat_map(|(_, it)| it).any(|(it, _)| it == value);
                        @if !value.is_empty() && !known { option value=(value) selected { (value) } }
                        @for (group, choices) in choices {
                            @if group.is_empty() { (options(choices, value)) }
                            @else { optgroup label=(group) { (options(choices, value)) } }
                        }
                    }
                }
            }
        }
    }
}

fn options(choices: &[(String, String)], chosen: &str) -> Markup {
    html! {
        @for (value, words) in choices {
            option value=(value) selected[value == chosen] { (words) }
        }
    }
}
