//! The activities that come with Herald, in their groups. What an account adds is not known
//! here: the store keeps that.

use crate::domain::activity::{OWN_GROUP, OwnActivity};

/// A group and what is done in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityGroup {
    /// The heading.
    pub name: &'static str,
    /// The activities, in the order in which people see them.
    pub activities: Vec<&'static str>,
}

/// What users do in a shop's back office.
const GIVEN: [(&str, &[&str]); 4] = [
    ("Order", &["Review", "Submit", "Bulk Submit"]),
    (
        "Product",
        &[
            "Enable Mockup",
            "Enable Personalized",
            "Edit",
            "Delete",
            "Update",
            "Update Define Design",
            "Connect Fulfillments",
            "Auto Match Variants",
        ],
    ),
    ("Profile", &["Update Info", "Update Password"]),
    ("Mockup", &["Studio Create", "Studio Delete"]),
];

/// Every built-in group, Herald's own last.
#[must_use]
pub fn builtin() -> Vec<ActivityGroup> {
    let given = GIVEN.iter().map(|(name, activities)| ActivityGroup {
        name,
        activities: activities.to_vec(),
    });
    let own = ActivityGroup {
        name: OWN_GROUP,
        activities: OwnActivity::ALL.iter().map(|own| own.as_str()).collect(),
    };
    given.chain([own]).collect()
}

/// Whether an application may record it without adding it to the catalogue first.
#[must_use]
pub fn is_given(group: &str, activity: &str) -> bool {
    GIVEN
        .iter()
        .any(|(name, activities)| *name == group && activities.contains(&activity))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::activity::check_name;

    #[test]
    fn every_name_is_legal_and_stands_once() {
        let mut seen = BTreeSet::new();
        for group in builtin() {
            assert_eq!(check_name(group.name), Ok(group.name));
            for activity in group.activities {
                assert_eq!(check_name(activity), Ok(activity));
                assert!(seen.insert((group.name, activity)), "{activity}");
            }
        }
        assert_eq!(seen.len(), 15 + OwnActivity::ALL.len());
    }

    #[test]
    fn an_application_may_not_speak_for_herald() {
        assert!(is_given("Order", "Bulk Submit"));
        assert!(!is_given("Order", "bulk submit"));
        assert!(!is_given(OWN_GROUP, "Signed In"));
    }
}
