//! Why a webhook did not get an event, as far as it can be known: an event's targets are fixed
//! when it is accepted, and a webhook may have been different then.

use maud::{Markup, html};

use super::super::reader::PageReader;
use crate::domain::subscription::SubscriptionState;
use crate::domain::trigger::Trigger;
use crate::store::event::EventSummary;
use crate::store::subscription_name::Bystander;

/// Why it did not get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissReason {
    /// It was made after the event.
    Later,
    /// The event was made to try out another one.
    Test,
    /// None of its triggers matches; and it was disabled.
    NoTriggerAndDisabled,
    /// None of its triggers matches.
    NoTrigger,
    /// It was disabled.
    Disabled,
    /// It was changed since. Now none of its triggers matches.
    ChangedNoTrigger,
    /// It was changed since. Now it is disabled.
    ChangedDisabled,
    /// It was changed since, and would get such an event now.
    ChangedWould,
    /// It was removed since.
    Removed,
    /// Nothing that is known explains it.
    Unknown,
}

fn reason(event: &EventSummary, webhook: &Bystander) -> MissReason {
    let matches = has_match(webhook, &event.event_type);
    let disabled = webhook.state == SubscriptionState::Disabled;
    // The same time may be before or after.
    let unchanged = webhook.updated_at < event.received_at;
    match (unchanged, matches, disabled) {
        _ if webhook.created_at > event.received_at => MissReason::Later,
        _ if event.test => MissReason::Test,
        (true, false, true) => MissReason::NoTriggerAndDisabled,
        (true, false, false) => MissReason::NoTrigger,
        (true, true, true) => MissReason::Disabled,
        (true, true, false) => MissReason::Unknown,
        (false, ..) if webhook.deleted_at.is_some() => MissReason::Removed,
        (false, false, _) => MissReason::ChangedNoTrigger,
        (false, true, true) => MissReason::ChangedDisabled,
        (false, true, false) => MissReason::ChangedWould,
    }
}

/// Whether a webhook's triggers mean this type.
pub(super) fn has_match(webhook: &Bystander, event_type: &str) -> bool {
    let means = |text: &String| Trigger::parse(text).is_ok_and(|it| it.matches(event_type));
    webhook.triggers.iter().any(means)
}

/// The reason as a sentence.
pub(super) fn why_not(reader: &PageReader, event: &EventSummary, webhook: &Bystander) -> Markup {
    let misfit = html! {
        " of its triggers matches " (event.event_type) ": it has " (triggers(webhook)) "."
    };
    let changed = html! { "It was changed " (reader.ago(webhook.updated_at)) ", after the event." };
    html! {
        @match reason(event, webhook) {
            MissReason::Later => { "It was added " (reader.ago(webhook.created_at)) ", after the event." }
            MissReason::Test => "The event was made to try out another webhook.",
            MissReason::NoTriggerAndDisabled => { "It was disabled, and none" (misfit) }
            MissReason::NoTrigger => { "None" (misfit) }
            MissReason::Disabled => "It was disabled.",
            MissReason::ChangedNoTrigger => { (changed) " Now none" (misfit) " What it had then is not known." }
            MissReason::ChangedDisabled => { (changed) " It is disabled now; whether it was then is not known." }
            MissReason::ChangedWould => {
                (changed) " Now it would get such an event: before, it was disabled or had other triggers."
            }
            MissReason::Removed => {
                @if let Some(at) = webhook.deleted_at { "It was deleted " (reader.ago(at)) ", after the event. " }
                "What it was like before is not known."
            }
            MissReason::Unknown => {
                "The reason is not known: it is enabled and " (triggers(webhook)) " matches. It may have "
                "been enabled or changed at the moment the event came in."
            }
        }
    }
}

fn triggers(webhook: &Bystander) -> Markup {
    const SHOWN: usize = 8;
    html! {
        @for (place, trigger) in webhook.triggers.iter().take(SHOWN).enumerate() {
            @if place > 0 { ", " }
            span class="mono" { (trigger) }
        }
        @if webhook.triggers.len() > SHOWN { " and " (webhook.triggers.len() - SHOWN) " more" }
        @if webhook.triggers.is_empty() { "none" }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{EventId, SubscriptionId};

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn event(test: bool) -> EventSummary {
        EventSummary {
            id: EventId::from_uuid(Uuid::nil()),
            received_at: at(10),
            event_type: "ORDER_CREATED".to_owned(),
            test,
            targets: Vec::new(),
            size: 2,
            warnings: None,
            hops: None,
        }
    }

    fn webhook(trigger: &str, state: SubscriptionState, changed: i64) -> Bystander {
        Bystander {
            id: SubscriptionId::from_uuid(Uuid::nil()),
            title: "A".to_owned(),
            triggers: vec![trigger.to_owned()],
            state,
            created_at: at(1),
            updated_at: at(changed),
            deleted_at: None,
        }
    }

    #[test]
    fn what_did_not_change_since_is_told_for_certain() {
        use SubscriptionState::{Disabled, Enabled, Paused};
        let why = |trigger, state| reason(&event(false), &webhook(trigger, state, 5));
        assert_eq!(why("PUBLISH", Enabled), MissReason::NoTrigger);
        assert_eq!(why("PUBLISH", Paused), MissReason::NoTrigger);
        assert_eq!(why("ORDER_*", Disabled), MissReason::Disabled);
        assert_eq!(why("PUBLISH", Disabled), MissReason::NoTriggerAndDisabled);
        assert_eq!(why("*", Enabled), MissReason::Unknown);
    }

    #[test]
    fn what_changed_since_is_said_to_be_unknown() {
        use SubscriptionState::{Disabled, Enabled};
        let why = |trigger, state| reason(&event(false), &webhook(trigger, state, 20));
        assert_eq!(why("PUBLISH", Enabled), MissReason::ChangedNoTrigger);
        assert_eq!(why("*", Disabled), MissReason::ChangedDisabled);
        assert_eq!(why("*", Enabled), MissReason::ChangedWould);
        let removed = Bystander {
            deleted_at: Some(at(20)),
            ..webhook("*", Enabled, 20)
        };
        assert_eq!(reason(&event(false), &removed), MissReason::Removed);
    }

    #[test]
    fn who_came_later_and_tests_of_others_are_told_first() {
        let late = Bystander {
            created_at: at(11),
            ..webhook("PUBLISH", SubscriptionState::Disabled, 11)
        };
        assert_eq!(reason(&event(true), &late), MissReason::Later);
        let other = webhook("*", SubscriptionState::Enabled, 5);
        assert_eq!(reason(&event(true), &other), MissReason::Test);
    }
}
