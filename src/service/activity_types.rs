//! The catalogue of activities: what is built in, and what an account adds for its application.

use super::input::{CONTROL, Text, checked, inputs, line_schema, lists};
use super::making::{Kind, Making, once};
use super::{Context, Fault, Refusal, Result, views};
use crate::catalogue::activities;
use crate::domain::activity::{MAX_NAME, OWN_GROUP, check_name};
use crate::store::activity_type::{self, OwnActivityType};

/// Upper bound of a description, in characters.
const MAX_DESCRIPTION: usize = 1_000;

inputs! {
    /// An activity to be added to the catalogue.
    ActivityTypeInput {
        /// Its group, which may be a new one.
        group: ActivityName = "Order",
        /// Its name.
        activity: ActivityName = "Cancel",
        /// What it means.
        description: Option<Text<0, MAX_DESCRIPTION>> = "An order was cancelled by its buyer.",
    }
}

lists! {
    /// Which activities of the catalogue.
    ActivityTypeQuery {
        /// In this group.
        group: Option<Text<1, 200>>,
    }
}

checked! {
    /// The name of a group or of an activity: one line.
    ActivityName by check_name, line_schema(1, MAX_NAME, CONTROL);
}

views! {
    /// An activity of the catalogue.
    pub ActivityTypeView of own: OwnActivityType {
        /// Its group.
        #[schema(example = "Order")]
        group: String,
        /// Its name.
        #[schema(example = "Bulk Submit")]
        activity: String,
        /// What it means; empty for built-in ones.
        description: String,
        /// It comes with Herald.
        builtin: bool = false,
        /// Whether an application may record it; Herald's own are Herald's alone.
        recordable: bool = true,
    }
}

/// The whole catalogue of an account, by group and name.
///
/// # Errors
/// When the database is away.
pub async fn list(cx: Context<'_>) -> Result<Vec<ActivityTypeView>> {
    let own = activity_type::list(cx.database(), cx.account).await?;
    let builtin = activities::builtin().into_iter().flat_map(|group| {
        let known = move |activity: &str| ActivityTypeView {
            group: group.name.to_owned(),
            activity: activity.to_owned(),
            description: String::new(),
            builtin: true,
            recordable: group.name != OWN_GROUP,
        };
        group.activities.into_iter().map(known)
    });
    let mut types: Vec<ActivityTypeView> = builtin.collect();
    types.extend(own.into_iter().map(ActivityTypeView::from));
    types.sort_by(|a, b| (&a.group, &a.activity).cmp(&(&b.group, &b.activity)));
    Ok(types)
}

/// Adds an activity; the application may record it from now on.
///
/// # Errors
/// Its group is Herald's own, it is there already, the account has as many as it may, or the
/// database is away.
pub async fn create(
    cx: Context<'_>,
    making: Making<'_>,
    input: ActivityTypeInput,
) -> Result<ActivityTypeView> {
    let (database, account) = (cx.database(), cx.account);
    let make = async {
        let (group, activity) = (&*input.group, &*input.activity);
        if group.eq_ignore_ascii_case(OWN_GROUP) {
            let detail = "holds what Herald records of itself: take another group";
            return Err(Refusal::invalid(vec![Fault::new("/group", detail)]));
        }
        if activities::is_given(group, activity) {
            return Err(Refusal::conflict("This activity is built in."));
        }
        let description = input.description.as_deref().unwrap_or_default();
        let names = (group, activity);
        let added = activity_type::create(database, account, names, description, making).await?;
        Ok(added.into())
    };
    let show = async |made: String| {
        let is_it = |it: &ActivityTypeView| format!("{}\n{}", it.group, it.activity) == made;
        let found = list(cx).await?.into_iter().find(is_it);
        found.ok_or_else(|| Refusal::not_found("activity"))
    };
    let kind = (Kind::ActivityType, making);
    once(database, Some(account), kind, make, show).await
}
