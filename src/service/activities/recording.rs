//! Recording what users did in the host application.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::catalogue::activities;
use crate::domain::activity::{
    ActorKind, MAX_PAYLOAD, MAX_USER, NewActivity, OWN_GROUP, check_at, check_payload, check_user,
};
use crate::domain::event::check_value;
use crate::domain::event_type::{Suggestions, nearest};
use crate::domain::id::ActivityId;
use crate::service::activity_types::ActivityName;
use crate::service::input::{
    CONTROL, Faults, Given, InputField, OrNull, ReadInput, checked, inputs, line_schema,
};
use crate::service::making::{Kind, Making, once};
use crate::service::{Context, Result};
use crate::store::activity_type::{self, OwnActivityType};
use crate::store::{StoreError, activity_keyed};

inputs! {
    /// Something that a user did in the host application.
    ActivityInput keeps payload {
        /// Who: an e-mail or a name.
        user: ActivityUser = "ann@example.com",
        /// A group of the catalogue.
        group: ActivityName = "Order",
        /// An activity of that group.
        activity: ActivityName = "Submit",
        /// When it was done, at most 30 days ago; now if left out.
        at: Option<OrNull<Done>>,
        /// What else is to be known of it: any JSON value of at most 64 KiB.
        payload: Option<OrNull<Payload>> = {"order": 17},
    }
}

checked! {
    /// Who did it: one line.
    ActivityUser by check_user, line_schema(1, MAX_USER, CONTROL);
}

/// When it was done.
#[derive(Debug, Clone, Copy)]
pub struct Done(DateTime<Utc>);

impl InputField for Done {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        given.read(faults, |text| match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Self(time.with_timezone(&Utc))),
            Err(error) => Err(format!(
                "must be a time such as 2026-01-31T08:00:00Z: {error}"
            )),
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "format": "date-time" })
    }
}

/// What else is known of it, as it was written.
#[derive(Debug, Clone)]
pub struct Payload(String);

impl InputField for Payload {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let text = match given {
            Given::Raw(text) => text.to_owned(),
            Given::Typed(text) => text.into_owned(),
            Given::Json(value) => value.to_string(),
        };
        let small = check_payload(&text).map_err(|error| error.to_string());
        let sound = small.and_then(|()| check_value(&text).map_err(|error| error.to_string()));
        faults.note(sound.map(|()| Self(text)))
    }

    fn schema() -> Value {
        json!({ "description": format!("At most {MAX_PAYLOAD} bytes.") })
    }
}

/// Records activities; returns their ids, in their order.
///
/// # Errors
/// The database is away: it is not certain then that they were recorded.
pub async fn record(
    cx: Context<'_>,
    making: Making<'_>,
    activities: Vec<NewActivity>,
) -> Result<Vec<ActivityId>> {
    let (database, account) = (cx.database(), cx.account);
    let make = async {
        if making.key.is_none() {
            return Ok(cx.engine.record_activities(account, activities).await?);
        }
        Ok(activity_keyed::append(database, account, &activities, making).await?)
    };
    let show = async |made: String| {
        let ids = made.split(' ').map(str::parse);
        let unfit = |_| StoreError::Unfit(format!("a key made `{made}`, which are no ids"));
        Ok(ids.collect::<Result<Vec<ActivityId>, _>>().map_err(unfit)?)
    };
    let kind = (Kind::Activity, making);
    once(database, Some(account), kind, make, show).await
}

/// Judges activities of one account by its catalogue: what is built in, and what the account
/// added, which is read when it is first needed.
pub struct Recording<'a> {
    cx: Context<'a>,
    own: Option<Vec<OwnActivityType>>,
    hints: Suggestions,
}

impl<'a> Recording<'a> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(cx: Context<'a>) -> Self {
        let (own, hints) = (None, Suggestions::default());
        Self { cx, own, hints }
    }

    /// The activity that an input is.
    ///
    /// # Errors
    /// Every fault of it, or the database is away.
    pub async fn judge(&mut self, mut read: ReadInput<ActivityInput>) -> Result<NewActivity> {
        let now = self.cx.engine.clock().now();
        if let Some(Some(OrNull(Some(Done(at))))) = &read.fields.at
            && let Err(error) = check_at(*at, now)
        {
            read.faults.add_at("/at", error.to_string());
        }
        if let (Some(group), Some(activity)) = (&read.fields.group, &read.fields.activity)
            && let Some((pointer, detail)) = self.unknown(group, activity).await?
        {
            read.faults.add_at(pointer, detail);
        }
        let input = read.finish()?;
        let at = input.at.and_then(|at| at.0);
        let payload = input.payload.and_then(|payload| payload.0);
        Ok(NewActivity {
            user: Some(input.user.into_inner()),
            actor: ActorKind::Application,
            actor_id: Some(self.cx.caller.id()),
            group: input.group.into_inner(),
            activity: input.activity.into_inner(),
            subject: None,
            payload: payload.map(|payload| payload.0),
            at: at.map(|at| at.0),
        })
    }

    /// What is wrong with a group and an activity, and with which of them.
    async fn unknown(
        &mut self,
        group: &str,
        activity: &str,
    ) -> Result<Option<(&'static str, String)>> {
        if activities::is_given(group, activity) {
            return Ok(None);
        }
        if group.eq_ignore_ascii_case(OWN_GROUP) {
            let detail = "holds what Herald records of itself: take another group";
            return Ok(Some(("/group", detail.to_owned())));
        }
        let (database, account) = (self.cx.database(), self.cx.account);
        let own = match &mut self.own {
            Some(own) => own,
            own => own.insert(activity_type::list(database, account).await?),
        };
        let is_it = |it: &OwnActivityType| it.group == group && it.activity == activity;
        if own.iter().any(is_it) {
            return Ok(None);
        }
        let wanted = format!("{group} / {activity}");
        let near = self.hints.once(&wanted, || {
            let names = names(own);
            let near = nearest(&wanted, names.iter().map(String::as_str));
            near.into_iter().map(str::to_owned).collect()
        });
        let hint = match near {
            [] => String::new(),
            near => format!(" (did you mean {}?)", near.join(", ")),
        };
        let detail = format!(
            "`{wanted}` is not in this account's catalogue of activities{hint}; an admin adds it \
             by POST /v1/activity-types"
        );
        Ok(Some(("/activity", detail)))
    }
}

/// Every activity that may be recorded, with its group.
fn names(own: &[OwnActivityType]) -> Vec<String> {
    let builtin = activities::builtin();
    let given = builtin.iter().filter(|it| it.name != OWN_GROUP);
    let given = given.flat_map(|it| {
        let activities = it.activities.iter();
        activities.map(move |activity| format!("{} / {activity}", it.name))
    });
    let own = own.iter();
    let own = own.map(|it| format!("{} / {}", it.group, it.activity));
    given.chain(own).collect()
}
