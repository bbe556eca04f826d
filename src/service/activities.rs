//! The activity log: what users did, in the host application and in Herald.

mod recording;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::recording::{ActivityInput, Recording, record};
use super::input::{Moment, Text, inputs, lists};
use super::{Context, Fault, Refusal, Result, cut};
use crate::domain::activity::MOST_AHEAD;
use crate::domain::id::ActivityId;
use crate::store::activity::{self, Activity, ActivityCount, ActivityFilter, MOST_COUNTS};

/// The name of the list in its cursors.
pub const LIST: &str = "activities";

/// What a summary counts if no time is given.
const USUAL_TIME: TimeDelta = TimeDelta::days(7);
/// The longest time that a summary counts: it reads all of it.
pub(crate) const LONGEST_TIME: TimeDelta = TimeDelta::days(92);

lists! {
    /// Which activities.
    ActivityQuery {
        /// With this in the user's e-mail or name, upper and lower case alike.
        user: Option<Text<1, 200>>,
        /// In this group.
        group: Option<Text<1, 200>>,
        /// Of this name.
        activity: Option<Text<1, 200>>,
        /// Done at or after.
        from: Option<Moment>,
        /// Done before.
        to: Option<Moment>,
    }
}

inputs! {
    /// Which activities are counted.
    SummaryQuery {
        /// In this group.
        group: Option<Text<1, 200>>,
        /// Done at or after (7 days ago).
        from: Option<Moment>,
        /// Done before (now); at most 92 days.
        to: Option<Moment>,
    }
}

/// The place of an activity in the list.
pub type Place = (DateTime<Utc>, ActivityId);

/// A page of the list, of which `filter` wants one row more than are shown; with the place
/// behind which the next page begins, if there is one.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    filter: &ActivityFilter,
    limit: usize,
) -> Result<(Vec<Activity>, Option<Place>)> {
    let mut rows = activity::list(cx.database(), cx.account, filter).await?;
    let next = cut(&mut rows, limit, |row| (row.at, row.id()));
    Ok((rows, next))
}

/// What was counted.
#[derive(Debug)]
pub struct CountedActivities {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The moment after the last.
    pub to: DateTime<Utc>,
    /// Users and groups, the most active first.
    pub rows: Vec<ActivityCount>,
    /// There are more than these.
    pub truncated: bool,
}

/// Counts activities by user and group, in a time or in the usual one.
///
/// # Errors
/// The time ends before it begins or is too long, or the database is away.
pub async fn count(
    cx: Context<'_>,
    group: Option<&str>,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<CountedActivities> {
    // An activity may lie a little ahead: without an end, what was just recorded is counted.
    let ahead = cx.engine.clock().now() + MOST_AHEAD;
    let to = to.unwrap_or_else(|| from.map_or(ahead, |from| ahead.min(from + LONGEST_TIME)));
    let from = from.unwrap_or(to - USUAL_TIME);
    let wrong = |detail: &str| Err(Refusal::query(vec![Fault::new("?from", detail)]));
    if from > to {
        return wrong("must not be later than `to`");
    }
    if to - from > LONGEST_TIME {
        return wrong("must not be more than 92 days before `to`");
    }
    let mut rows = activity::summary(cx.database(), cx.account, group, from, to).await?;
    let truncated = rows.len() > MOST_COUNTS;
    rows.truncate(MOST_COUNTS);
    Ok(CountedActivities {
        from,
        to,
        rows,
        truncated,
    })
}
