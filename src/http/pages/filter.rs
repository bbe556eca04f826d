//! The filters of a list: a form whose fields are the parameters of the page's address, and
//! chips that show what is set. It works without scripts; with htmx the list alone is exchanged.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::reader::PageReader;

/// The choices of a drop-down: one group without a name, or several with names.
pub(super) type Choices = Vec<(String, Vec<(String, String)>)>;

/// A parameter of the page's address, and how the bar shows it.
struct FilterField {
    name: &'static str,
    value: String,
    label: String,
    kind: FilterKind,
}

enum FilterKind {
    /// With what the empty field says.
    Search(String),
    /// The same.
    Text(String),
    /// With what it shows while nothing is chosen.
    Select(String, Choices),
    Date,
    Hidden,
}

/// A filter bar that is being put together.
pub(super) struct FilterBar {
    path: String,
    fields: Vec<FilterField>,
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
        self.field(name, value, label, FilterKind::Search(help.to_owned()))
    }

    /// A field for a text.
    #[must_use]
    pub(super) fn text(self, name: &'static str, value: &str, label: &str, help: &str) -> Self {
        self.field(name, value, label, FilterKind::Text(help.to_owned()))
    }

    /// A drop-down; `any` is shown while nothing is chosen. Choices are groups (one without a name
    /// for a plain list) of value and label.
    #[must_use]
    pub(super) fn select(
        self,
        name: &'static str,
        value: &str,
        label: &str,
        any: &str,
        choices: Choices,
    ) -> Self {
        self.field(
            name,
            value,
            label,
            FilterKind::Select(any.to_owned(), choices),
        )
    }

    /// The date fields From and To, with these parameters and their values in the address.
    #[must_use]
    pub(super) fn dates(
        self,
        reader: &PageReader,
        (from, begin): (&'static str, Option<DateTime<Utc>>),
        (to, end): (&'static str, Option<DateTime<Utc>>),
    ) -> Self {
        let day = |at: Option<DateTime<Utc>>| at.map(|at| reader.day(at)).unwrap_or_default();
        // The end is the first moment that is not wanted any more.
        let last = end.map(|end| end - chrono::TimeDelta::milliseconds(1));
        self.field(from, &day(begin), "From", FilterKind::Date)
            .field(to, &day(last), "To", FilterKind::Date)
    }

    /// A parameter that the bar does not show but keeps, such as the order.
    #[must_use]
    pub(super) fn keep(self, name: &'static str, value: &str) -> Self {
        self.field(name, value, "", FilterKind::Hidden)
    }

    fn field(mut self, name: &'static str, value: &str, label: &str, kind: FilterKind) -> Self {
        let (value, label) = (value.to_owned(), label.to_owned());
        self.fields.push(FilterField {
            name,
            value,
            label,
            kind,
        });
        self
    }

    /// Whether anything is set that the bar shows.
    pub(super) fn is_set(&self) -> bool {
        self.shown().next().is_some()
    }

    fn shown(&self) -> impl Iterator<Item = &FilterField> {
        let set = self.fields.iter().filter(|field| !field.value.is_empty());
        set.filter(|field| !matches!(field.kind, FilterKind::Hidden))
    }

    /// The page's address with what is set, but for one parameter.
    pub(super) fn href_without(&self, left_out: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for field in &self.fields {
            if !field.value.is_empty() && field.name != left_out {
                query.append_pair(field.name, &field.value);
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
        let mut pair = url::form_urlencoded::Serializer::new(String::new());
        let pair = pair.append_pair(name, value).finish();
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
                @for field in &self.fields { (field.input()) }
                button class="button without-script" type="submit" { "Filter" }
            }
        }
    }

    /// What is set, each with a link that clears it. It is inside the list, so it changes with the
    /// list.
    pub(super) fn chips(&self) -> Markup {
        if !self.is_set() {
            return html! {};
        }
        html! {
            ul class="chips" aria-label="Active filters" {
                @for field in self.shown() {
                    li {
                        a href=(self.href_without(field.name)) data-clears=(field.name)
                            aria-label=(format!("Clear {}: {}", field.label, field.value_text())) {
                            span { (field.label) ": " } (field.value_text()) " ×"
                        }
                    }
                }
                li { a class="all" href=(self.path) { "Clear all" } }
            }
        }
    }
}

impl FilterField {
    /// The value as people read it.
    fn value_text(&self) -> &str {
        let FilterKind::Select(_, choices) = &self.kind else {
            return &self.value;
        };
        let mut all = choices.iter().flat_map(|(_, choices)| choices);
        let found = all.find(|(known, _)| *known == self.value);
        found.map_or(self.value.as_str(), |(_, text)| text)
    }

    fn input(&self) -> Markup {
        let (name, value, label) = (self.name, self.value.as_str(), self.label.as_str());
        let id = format!("filter-{name}");
        html! {
            @match &self.kind {
                FilterKind::Hidden => {
                    @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
                }
                FilterKind::Search(help) | FilterKind::Text(help) => {
                    @let search = matches!(self.kind, FilterKind::Search(_));
                    div class=[search.then_some("search")] {
                        label for=(id) { (label) }
                        input id=(id) type="search" name=(name) value=(value) placeholder=(help)
                            maxlength="200" autocomplete="off" data-search[search];
                    }
                }
                FilterKind::Date => {
                    div class="date" {
                        label for=(id) { (label) }
                        // A year that is being typed is not sent: 0002 is no year of the log.
                        input id=(id) type="date" name=(name) value=(value) min="1970-01-01"
                            max="9999-12-31";
                    }
                }
                FilterKind::Select(any, choices) => {
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
}

fn options(choices: &[(String, String)], chosen: &str) -> Markup {
    html! {
        @for (value, text) in choices {
            option value=(value) selected[value == chosen] { (text) }
        }
    }
}
