//! An activity: something that a user did, in the host application or in Herald.
//!
//! The file owns what an activity may be and the names of Herald's own. It knows neither the
//! catalogue of the others nor how any of them is stored.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::id::TokenId;

/// Upper bound of a group's or an activity's name, in characters.
pub const MAX_NAME: usize = 100;
/// Upper bound of what names a user, in characters.
pub const MAX_USER: usize = 254;
/// Upper bound of a payload, in bytes of JSON.
pub const MAX_PAYLOAD: usize = 64 << 10;
/// By how much an activity may lie ahead, since clocks differ.
pub const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);
/// How long ago an activity may have been done when it is recorded.
pub const MOST_BEHIND: TimeDelta = TimeDelta::days(30);
/// The group of Herald's own activities, which no application may record or add to.
pub const OWN_GROUP: &str = "Herald";

text_enum! {
    /// Who says that something was done.
    ActorKind, "a kind of actor" {
        /// The host application, of one of its users.
        Application = "application",
        /// A user of Herald did it.
        User = "user",
        /// Somebody with a token did it.
        Token = "token",
        /// Herald did it by itself.
        Herald = "herald",
    }
}

text_enum! {
    /// What is recorded of Herald itself, in the group [`OWN_GROUP`].
    OwnActivity, "an activity of Herald" {
        /// A user signed in to Herald's pages.
        SignedIn = "Signed In",
        /// A user signed out.
        SignedOut = "Signed Out",
        /// A sign-in was refused.
        SignInRefused = "Sign-In Refused",
        /// A user's password was set or changed.
        PasswordChanged = "Password Changed",
        /// A user was invited by mail.
        UserInvited = "User Invited",
        /// A user was added.
        UserAdded = "User Added",
        /// A user's role or name was changed.
        UserChanged = "User Changed",
        /// A user was removed.
        UserRemoved = "User Removed",
        /// A subscription was made.
        SubscriptionCreated = "Subscription Created",
        /// A subscription was changed; the payload has what was before and what is after.
        SubscriptionChanged = "Subscription Changed",
        /// A subscription was removed.
        SubscriptionDeleted = "Subscription Deleted",
        /// A subscription holds its deliveries now.
        SubscriptionPaused = "Subscription Paused",
        /// A paused subscription delivers again.
        SubscriptionResumed = "Subscription Resumed",
        /// A disabled subscription matches again.
        SubscriptionEnabled = "Subscription Enabled",
        /// A subscription matches nothing new; by a person, or by Herald after 410.
        SubscriptionDisabled = "Subscription Disabled",
        /// Somebody read a signing secret.
        SecretShown = "Secret Shown",
        /// A signing secret was replaced.
        SecretRotated = "Secret Rotated",
        /// A delivery was sent again.
        DeliveryResent = "Delivery Resent",
        /// Several deliveries were sent again at once.
        DeliveriesResent = "Deliveries Resent",
        /// A test was sent to a subscription.
        TestSent = "Test Sent",
        /// An event that goes in a circle was refused; once an hour, however many there are.
        EventLoopRefused = "Event Loop Refused",
        /// A replay was started.
        ReplayStarted = "Replay Started",
        /// A token was made.
        TokenCreated = "Token Created",
        /// A token's title or role was changed.
        TokenChanged = "Token Changed",
        /// A token was taken out of force.
        TokenRevoked = "Token Revoked",
        /// An event type was added.
        EventTypeCreated = "Event Type Created",
        /// An event type was changed.
        EventTypeChanged = "Event Type Changed",
        /// An event type was removed.
        EventTypeDeleted = "Event Type Deleted",
        /// An activity was added to the catalogue.
        ActivityTypeCreated = "Activity Type Created",
        /// An account was made.
        AccountCreated = "Account Created",
        /// An account got another name.
        AccountRenamed = "Account Renamed",
        /// The senders that an account's mails may name were changed.
        MailSendersChanged = "Mail Senders Changed",
        /// An account was removed.
        AccountRemoved = "Account Removed",
        /// A new version of a script is at work.
        PluginLoaded = "Plugin Loaded",
        /// A script's new version has a fault; the last good one, if any, stays at work.
        PluginBroken = "Plugin Broken",
        /// A script took too long: it runs on a thread of its own.
        PluginSetApart = "Plugin Set Apart",
        /// A script failed too much: its deliveries are held.
        PluginSuspended = "Plugin Suspended",
        /// A script that was broken or suspended works again.
        PluginRecovered = "Plugin Recovered",
        /// A script's file is gone.
        PluginRemoved = "Plugin Removed",
        /// The settings were read again; the payload names those that changed.
        SettingsReloaded = "Settings Reloaded",
        /// The settings were read again and have faults: those before stay in force.
        SettingsRefused = "Settings Refused",
    }
}

/// Who does something in Herald, for its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Herald itself.
    Herald,
    /// The operator, by Herald's command line: Herald itself, with a name for it.
    CommandLine,
    /// The holder of this token; the record gets the token's title as the user.
    Token(TokenId),
    /// A user of Herald.
    User {
        /// The TypeID.
        id: String,
        /// The e-mail.
        email: String,
    },
}

/// An activity to be recorded, every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    /// Who did it: an e-mail or a name; none: Herald itself, or the holder of a token, whose
    /// title is put here.
    pub user: Option<String>,
    /// Who says so.
    pub actor: ActorKind,
    /// The TypeID of the token or of the user of Herald.
    pub actor_id: Option<String>,
    /// The heading in the catalogue.
    pub group: String,
    /// What was done.
    pub activity: String,
    /// What it was done to: a TypeID, or the name of a script.
    pub subject: Option<String>,
    /// JSON as it is to be shown, at most [`MAX_PAYLOAD`] bytes.
    pub payload: Option<String>,
    /// When it was done; none: now.
    pub at: Option<DateTime<Utc>>,
}

impl NewActivity {
    /// One of Herald's own activities. A payload that is too large is left out, and said so:
    /// what was changed must not fail for its record.
    #[must_use]
    pub fn own(
        what: OwnActivity,
        by: &Actor,
        subject: impl Into<Option<String>>,
        payload: Option<&Value>,
    ) -> Self {
        let (actor, actor_id, user) = match by {
            Actor::Herald => (ActorKind::Herald, None, None),
            Actor::CommandLine => {
                let user = Some("command line".to_owned());
                (ActorKind::Herald, None, user)
            }
            Actor::Token(token) => (ActorKind::Token, Some(token.to_string()), None),
            Actor::User { id, email } => (ActorKind::User, Some(id.clone()), Some(email.clone())),
        };
        let payload = payload.map(|value| match value.to_string() {
            text if text.len() <= MAX_PAYLOAD => text,
            text => serde_json::json!({ "left_out": "too large", "bytes": text.len() }).to_string(),
        });
        Self {
            user,
            actor,
            actor_id,
            group: OWN_GROUP.to_owned(),
            activity: what.as_str().to_owned(),
            subject: subject.into(),
            payload,
            at: None,
        }
    }
}

/// What is wrong with a value of an activity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivityError {
    /// Too short or too long.
    #[error("must have 1 to {most} characters, not {length}")]
    Length {
        /// How many it has.
        length: usize,
        /// How many it may have.
        most: usize,
    },
    /// It would not stay one line.
    #[error("must not hold control characters")]
    Control,
    /// It is later than any clock could be wrong.
    #[error("must not lie more than 5 minutes ahead of Herald's clock ({now})")]
    Ahead {
        /// What Herald's clock says.
        now: String,
    },
    /// It is too long ago.
    #[error("must not lie more than 30 days back")]
    Behind,
    /// Its JSON is too large.
    #[error("must have at most {MAX_PAYLOAD} bytes of JSON, not {bytes}")]
    Payload {
        /// How many it has.
        bytes: usize,
    },
}

/// The name of a group or of an activity, without white space around it.
///
/// # Errors
/// Not 1 to [`MAX_NAME`] characters, or control characters among them.
pub fn check_name(text: &str) -> Result<&str, ActivityError> {
    one_line(text, MAX_NAME)
}

/// What names a user, without white space around it.
///
/// # Errors
/// Not 1 to [`MAX_USER`] characters, or control characters among them.
pub fn check_user(text: &str) -> Result<&str, ActivityError> {
    one_line(text, MAX_USER)
}

fn one_line(text: &str, most: usize) -> Result<&str, ActivityError> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > most {
        Err(ActivityError::Length { length, most })
    } else if text.chars().any(char::is_control) {
        Err(ActivityError::Control)
    } else {
        Ok(text)
    }
}

/// Checks when an activity was done against the clock.
///
/// # Errors
/// More than [`MOST_AHEAD`] ahead or more than [`MOST_BEHIND`] back.
pub fn check_at(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), ActivityError> {
    if at > now + MOST_AHEAD {
        let now = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        Err(ActivityError::Ahead { now })
    } else if at < now - MOST_BEHIND {
        Err(ActivityError::Behind)
    } else {
        Ok(())
    }
}

/// Checks the size of a payload's JSON.
///
/// # Errors
/// More than [`MAX_PAYLOAD`] bytes.
pub fn check_payload(json: &str) -> Result<(), ActivityError> {
    match json.len() {
        0..=MAX_PAYLOAD => Ok(()),
        bytes => Err(ActivityError::Payload { bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_up_to_a_hundred_characters() {
        assert_eq!(check_name("  Bulk Submit "), Ok("Bulk Submit"));
        assert_eq!(check_name(&"ä".repeat(100)), Ok("ä".repeat(100).as_str()));
        assert_eq!(
            check_name(&"a".repeat(101)).map_err(|error| error.to_string()),
            Err("must have 1 to 100 characters, not 101".to_owned())
        );
        assert!(check_name(" \t").is_err());
        assert_eq!(check_name("a\u{7}b"), Err(ActivityError::Control));
        assert_eq!(check_user("a\r\nb"), Err(ActivityError::Control));
    }

    #[test]
    fn an_activity_is_of_the_last_thirty_days() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        for good in ["2026-11-22T12:05:00Z", "2026-10-23T12:00:00Z"] {
            assert_eq!(check_at(good.parse().unwrap(), now), Ok(()), "{good}");
        }
        assert_eq!(
            check_at("2026-11-22T12:05:01Z".parse().unwrap(), now).map_err(|e| e.to_string()),
            Err(
                "must not lie more than 5 minutes ahead of Herald's clock (2026-11-22T12:00:00Z)"
                    .to_owned()
            )
        );
        assert_eq!(
            check_at("2026-10-23T11:59:59Z".parse().unwrap(), now),
            Err(ActivityError::Behind)
        );
    }

    #[test]
    fn a_payload_of_herald_s_own_that_is_too_large_is_left_out_and_said_so() {
        let large = Value::String("x".repeat(MAX_PAYLOAD));
        let made = NewActivity::own(OwnActivity::TestSent, &Actor::Herald, None, Some(&large));
        assert_eq!(
            made.payload.as_deref(),
            Some(r#"{"bytes":65538,"left_out":"too large"}"#)
        );
        assert_eq!((made.actor, made.user), (ActorKind::Herald, None));
    }

    #[test]
    fn every_activity_of_herald_s_own_is_a_name() {
        for own in OwnActivity::ALL {
            assert_eq!(check_name(own.as_str()), Ok(own.as_str()));
        }
    }
}
