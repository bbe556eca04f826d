//! Triggers for people: the event types that there are by group, what a pattern matches today,
//! and the fields by which triggers are chosen.

use std::collections::BTreeSet;

use super::draft::WebhookDraft;
use crate::catalogue;
use crate::domain::trigger::Trigger;
use crate::http::pages::prelude::*;
use crate::store::event_type::{self, TypeFilter};

/// How many event types are shown to choose from; patterns name the others.
const MOST_SHOWN: usize = 150;
/// How many names are shown of what a pattern matches.
const MOST_NAMED: usize = 12;

/// An event type, as far as choosing it goes.
pub(super) struct TypeChoice {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub title: String,
    /// There is an example of it.
    pub example: bool,
}

impl TypeChoice {
    fn new(name: &str, title: &str, example: bool) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            example,
        }
    }
}

/// The event types under one heading.
pub(super) struct TypeGroup {
    /// The heading.
    pub name: String,
    /// The types, in the order in which people see them.
    pub choices: Vec<TypeChoice>,
}

impl TypeGroup {
    /// The pattern that matches these types and, of `all`, no others; none: there is none.
    fn pattern(&self, all: &[TypeGroup]) -> Option<String> {
        let [first, rest @ ..] = self.choices.as_slice() else {
            return None;
        };
        let common = rest.iter().fold(first.name.as_str(), |prefix, choice| {
            let pairs = prefix.bytes().zip(choice.name.bytes());
            let same = pairs.take_while(|(a, b)| a == b).count();
            prefix.get(..same).unwrap_or_default()
        });
        let end = common.rfind(['_', '.', '-'])?;
        let pattern = format!("{}*", common.get(..=end)?);
        let meant = matching(&pattern, all).len();
        (rest.len() + 1 == meant && !rest.is_empty()).then_some(pattern)
    }
}

/// The event types of an account, by group: the built-in ones, then the account's own.
///
/// # Errors
/// When the database is away.
pub(super) async fn known(visit: &Visit) -> Result<Vec<TypeGroup>, StoreError> {
    let mut groups: Vec<TypeGroup> = Vec::new();
    let mut add = |group: &str, choice: TypeChoice| {
        let name = if group.is_empty() { "Own" } else { group };
        match groups.iter_mut().find(|it| it.name == name) {
            Some(group) => group.choices.push(choice),
            None => groups.push(TypeGroup {
                name: name.to_owned(),
                choices: vec![choice],
            }),
        }
    };
    for it in catalogue::builtin() {
        let example = it.example.is_some();
        add(&it.group, TypeChoice::new(&it.name, &it.title, example));
    }
    let filter = TypeFilter::default();
    let own = event_type::list(visit.database(), visit.account, &filter).await?;
    for it in own.iter().filter(|it| !it.builtin) {
        add(
            &it.group,
            TypeChoice::new(&it.name, &it.title, it.has_example),
        );
    }
    Ok(groups)
}

/// The types of all groups.
pub(super) fn choices(groups: &[TypeGroup]) -> impl Iterator<Item = &TypeChoice> {
    groups.iter().flat_map(|group| &group.choices)
}

/// The names that a pattern matches today.
fn matching<'a>(pattern: &str, groups: &'a [TypeGroup]) -> Vec<&'a str> {
    let Ok(trigger) = Trigger::parse(pattern) else {
        return Vec::new();
    };
    let names = choices(groups).map(|it| it.name.as_str());
    names.filter(|name| trigger.matches(name)).collect()
}

/// The names of a group's types; nothing, if there is no such group.
pub(super) fn of_group<'a>(name: &str, groups: &'a [TypeGroup]) -> impl Iterator<Item = &'a str> {
    let found = groups.iter().filter(move |group| group.name == name);
    let choices = found.flat_map(|group| &group.choices);
    choices.map(|it| it.name.as_str())
}

/// What a pattern matches today, as text.
fn meaning(pattern: &str, groups: &[TypeGroup]) -> String {
    let names = matching(pattern, groups);
    let (shown, more) = names.split_at(names.len().min(MOST_NAMED));
    match (names.len(), more.len()) {
        (0, _) => "matches no event type today".to_owned(),
        (1, _) => format!("matches {} today", shown.join(", ")),
        (all, 0) => format!("matches {all} today: {}", shown.join(", ")),
        (all, more) => format!("matches {all} today: {} and {more} more", shown.join(", ")),
    }
}

/// The triggers of a webhook, each with what it means today.
pub(super) fn explained(triggers: &[String], groups: &[TypeGroup]) -> Markup {
    let explanation = |trigger: &str| match trigger {
        "*" => "every event, also of types that are added later".to_owned(),
        pattern if pattern.contains('*') => meaning(pattern, groups),
        name => {
            let known = choices(groups).find(|it| it.name == name);
            let title = known.map_or("no event type has this name today", |it| &it.title);
            title.to_owned()
        }
    };
    html! {
        ul class="triggers" {
            @for trigger in triggers {
                li { code { (trigger) } " " span class="muted" { (explanation(trigger)) } }
            }
        }
    }
}

/// The fields by which triggers are chosen.
pub(super) fn picker(draft: &WebhookDraft, groups: &[TypeGroup], faults: &[String]) -> Markup {
    let chosen: BTreeSet<&str> = draft.triggers().collect();
    let wholes: Vec<Option<String>> = groups.iter().map(|it| it.pattern(groups)).collect();
    let mut room = MOST_SHOWN;
    let mut boxes: BTreeSet<&str> = BTreeSet::from(["*"]);
    boxes.extend(wholes.iter().flatten().map(String::as_str));
    let mut lists: Vec<&[TypeChoice]> = Vec::new();
    for group in groups {
        let (some, _) = group.choices.split_at(group.choices.len().min(room));
        room -= some.len();
        boxes.extend(some.iter().map(|it| it.name.as_str()));
        lists.push(some);
    }
    let free: Vec<&str> = chosen.difference(&boxes).copied().collect();
    let hidden = choices(groups).count() - (MOST_SHOWN - room);
    html! {
        fieldset class="field picker" id="triggers" data-picker {
            legend { "Triggers" }
            p class="help" { "The events that this webhook gets." }
            @for fault in faults { p class="error" { (fault) } }
            label class="choice" {
                input type="checkbox" name="trigger" value="*" checked[chosen.contains("*")];
                span { "All events, also of types that are added later" }
            }
            div class="with-script find" {
                label class="unseen" for="find-trigger" { "Search event types" }
                input id="find-trigger" type="search" placeholder="Search event types" autocomplete="off"
                    aria-controls="trigger-groups";
            }
            div id="trigger-groups" {
                @for ((group, some), whole) in groups.iter().zip(&lists).zip(&wholes) {
                    @if !some.is_empty() { (group_box(&group.name, some, whole.as_deref(), &chosen)) }
                }
                p class="help" data-none hidden { "No event type matches." }
            }
            @if hidden > 0 { p class="help" { (hidden) " more event types: name them below." } }
            label for="patterns" class="second" { "Other names and patterns" }
            textarea id="patterns" name="patterns" rows=(free.len().clamp(2, 6)) spellcheck="false"
                aria-describedby="patterns-help" aria-invalid=[(!faults.is_empty()).then_some("true")] {
                (free.join("\n"))
            }
            p class="help" id="patterns-help" {
                "One per line. " code { "*" } " matches any characters: " code { "ORDER_*" }
                " matches " code { "ORDER_CREATED" } ", today and later."
            }
            ul class="triggers" data-meanings aria-live="polite" {
                @for pattern in &free {
                    li { code { (pattern) } " " span class="muted" { (meaning(pattern, groups)) } }
                }
            }
        }
    }
}

fn group_box(
    name: &str,
    some: &[TypeChoice],
    whole: Option<&str>,
    chosen: &BTreeSet<&str>,
) -> Markup {
    let is_chosen = |it: &&TypeChoice| chosen.contains(it.name.as_str());
    let count = some.iter().filter(is_chosen).count();
    let by_pattern = whole.is_some_and(|pattern| chosen.contains(pattern));
    let count_words = match (by_pattern, count) {
        (true, _) => "all".to_owned(),
        (false, 0) => String::new(),
        (false, count) => format!("{count} chosen"),
    };
    html! {
        details open[count > 0 || by_pattern] {
            summary { (name) " " span class="muted" data-count { (count_words) } }
            @if let Some(pattern) = whole {
                label class="choice" {
                    input type="checkbox" name="trigger" value=(pattern) checked[by_pattern];
                    span { "All of this group, also those added later " code { (pattern) } }
                }
            } @else if some.len() > 1 {
                label class="choice" {
                    input type="checkbox" name="group" value=(name) data-all;
                    span { "All " (some.len()) " of this group" }
                }
            }
            @for choice in some {
                label class="choice" data-choice {
                    input type="checkbox" name="trigger" value=(choice.name) checked[is_chosen(&choice)];
                    span { code { (choice.name) } " " span class="muted" { (choice.title) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, types: &[&str]) -> TypeGroup {
        let choices = types.iter().map(|name| TypeChoice::new(name, "", true));
        TypeGroup {
            name: name.to_owned(),
            choices: choices.collect(),
        }
    }

    #[test]
    fn a_group_has_a_pattern_only_if_it_means_this_group_alone() {
        let groups = [
            group("Store", &["STORE_ORDER_CREATED", "STORE_ORDER_UPDATED"]),
            group("Office", &["ORDER_CREATED", "ORDER_UPDATED"]),
            group(
                "Members",
                &["MEMBER_CREATED", "MEMBER_DELETED", "MEMBER_UPDATED"],
            ),
            group("Others", &["MEMBERSHIP", "SITE"]),
            group("One", &["BLOG_POST"]),
            group("Taken", &["A_B", "A_C"]),
            group("Taking", &["A_D", "E"]),
        ];
        let patterns: Vec<_> = groups.iter().map(|it| it.pattern(&groups)).collect();
        let expected = ["STORE_ORDER_*", "ORDER_*", "MEMBER_*"];
        let mut expected: Vec<_> = expected.map(|text| Some(text.to_owned())).to_vec();
        expected.resize(groups.len(), None);
        assert_eq!(patterns, expected);
        let members = meaning("MEMBER*", &groups);
        assert_eq!(members.split(':').next(), Some("matches 4 today"));
        assert_eq!(meaning("NO*", &groups), "matches no event type today");
    }
}
