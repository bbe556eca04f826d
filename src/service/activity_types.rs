//! The catalogue of activities: what is built in, and what an account adds for its application.

use serde_json::{Value, json};

use super::input::{Faults, Field, Given, Text, inputs};
use super::{Fault, Refusal};
use crate::actors::Engine;
use crate::catalogue::activities;
use crate::domain::activity::{Actor, MAX_NAME, OWN_GROUP, check_name};
use crate::domain::id::AccountId;
use crate::store::activity_type::{self, OwnType};

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

/// The name of a group or of an activity: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityName(String);

impl Field for ActivityName {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let name = given.text().and_then(|text| {
            let name = check_name(&text).map_err(|error| error.to_string())?;
            Ok(Self(name.to_owned()))
        });
        name.map_err(|detail| faults.add(detail)).ok()
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME })
    }
}

/// An activity of the catalogue.
#[derive(Debug, Clone)]
pub struct ActivityType {
    /// Its group.
    pub group: String,
    /// Its name.
    pub activity: String,
    /// What it means; empty for built-in ones.
    pub description: String,
    /// It comes with Herald.
    pub builtin: bool,
    /// Whether an application may record it; Herald's own are Herald's alone.
    pub recordable: bool,
}

impl From<OwnType> for ActivityType {
    fn from(own: OwnType) -> Self {
        Self {
            group: own.group,
            activity: own.activity,
            description: own.description,
            builtin: false,
            recordable: true,
        }
    }
}

/// The whole catalogue of an account, by group and name.
///
/// # Errors
/// When the database is away.
pub async fn list(engine: &Engine, account: AccountId) -> Result<Vec<ActivityType>, Refusal> {
    let own = activity_type::list(engine.database(), account).await?;
    let builtin = activities::builtin().into_iter().flat_map(|group| {
        let known = move |activity: &str| ActivityType {
            group: group.name.to_owned(),
            activity: activity.to_owned(),
            description: String::new(),
            builtin: true,
            recordable: group.name != OWN_GROUP,
        };
        group.activities.into_iter().map(known)
    });
    let mut types: Vec<ActivityType> = builtin.collect();
    types.extend(own.into_iter().map(ActivityType::from));
    types.sort_by(|a, b| (&a.group, &a.activity).cmp(&(&b.group, &b.activity)));
    Ok(types)
}

/// Adds an activity; the application may record it from now on.
///
/// # Errors
/// Its group is Herald's own, it is there already, the account has as many as it may, or the
/// database is away.
pub async fn create(
    engine: &Engine,
    account: AccountId,
    by: &Actor,
    input: ActivityTypeInput,
) -> Result<ActivityType, Refusal> {
    let (group, activity) = (input.group.0, input.activity.0);
    if group.eq_ignore_ascii_case(OWN_GROUP) {
        let detail = "holds what Herald records of itself: take another group";
        return Err(Refusal::invalid(vec![Fault::new("/group", detail)]));
    }
    if activities::is_given(&group, &activity) {
        return Err(Refusal::conflict("This activity is built in."));
    }
    let description = input.description.as_deref().unwrap_or_default();
    let (database, names) = (engine.database(), (group.as_str(), activity.as_str()));
    let added = activity_type::create(database, account, names, description, by).await?;
    Ok(added.into())
}
