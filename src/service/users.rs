//! Users of an account: who may sign in to its pages.

use serde_json::json;

use super::input::{Faults, Given, InputField, PLAIN, Text, inputs};
use super::making::{Kind, Making, once};
use super::{Directory, Refusal, Result};
use crate::domain::activity::Actor;
use crate::domain::email::Email;
use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;
use crate::store::profile;
use crate::store::session::Session;
use crate::store::user::{self, MAX_USER_NAME, User};
use crate::store::user_change::{self, NewUser, UserChange};
use crate::store::user_link::Write;

/// A user's name: one line, which may be empty.
#[derive(Debug, Clone)]
pub struct UserName(String);

impl InputField for UserName {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let name = Text::<0, MAX_USER_NAME>::read(given, faults)?;
        if name.contains(char::is_control) {
            return faults.refuse("must not hold control characters");
        }
        Some(Self(name.into_inner()))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "maxLength": MAX_USER_NAME, "pattern": PLAIN })
    }
}

inputs! {
    /// A user to be invited.
    UserInput {
        /// How they sign in.
        email: Email = "ann@example.com",
        /// What people call them.
        name: Option<UserName> = "Ann",
        /// What they may do.
        role: UserRole = "viewer",
    }

    /// Changes of a user; what is left out stays.
    UserPatch {
        /// What people call them.
        name: Option<UserName> = "Ann",
        /// What they may do.
        role: Option<UserRole> = "admin",
        /// Whether they may not sign in.
        disabled: Option<bool> = true,
    }

    /// What somebody changes of themselves.
    ProfileInput {
        /// What people call them.
        name: UserName,
    }
}

/// Invites a user. Returns the link to set a password, if no mail could be sent.
///
/// # Errors
/// There is a user with this e-mail, the account has as many as it may, or the database is away.
pub async fn invite(
    directory: &Directory,
    account: AccountId,
    making: Making<'_>,
    input: UserInput,
) -> Result<(User, Option<String>)> {
    let database = directory.database();
    let make = async {
        let new = NewUser {
            id: UserId::from_uuid(directory.fresh_uuid()),
            account,
            email: input.email,
            name: input.name.map(|name| name.0).unwrap_or_default(),
            role: input.role,
        };
        let letters = directory.letters();
        let write = letters.as_ref().map(|write| write as Write<'_>);
        let (made, token) = user_change::add(database, new, write, making).await?;
        let link = token.map(|token| directory.link(LinkPurpose::Invitation, &token));
        Ok((made, link))
    };
    let show = async |id| Ok((show(directory, account, id).await?, None));
    once(database, Some(account), (Kind::User, making), make, show).await
}

/// At most `limit` users, newest first, behind `after`.
///
/// # Errors
/// When the database is away.
pub async fn list(
    directory: &Directory,
    account: AccountId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    Ok(user::list(directory.database(), account, after, limit).await?)
}

/// One user.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(directory: &Directory, account: AccountId, id: UserId) -> Result<User> {
    let found = user::find(directory.database(), account, id).await?;
    found.ok_or_else(missing)
}

/// Changes a user.
///
/// # Errors
/// There is none, it would take rights from the caller, or the database is away.
pub async fn change(
    directory: &Directory,
    account: AccountId,
    id: UserId,
    by: &Actor,
    patch: UserPatch,
) -> Result<User> {
    if patch.disabled == Some(true) || patch.role.is_some_and(|role| role != UserRole::Admin) {
        not_oneself(by, id)?;
    }
    let change = UserChange {
        name: patch.name.map(|name| name.0),
        role: patch.role,
        disabled: patch.disabled,
    };
    let changed = user_change::change(directory.database(), account, id, change, by).await?;
    changed.ok_or_else(missing)
}

/// Removes a user.
///
/// # Errors
/// There is none, it is the caller, or the database is away.
pub async fn remove(
    directory: &Directory,
    account: AccountId,
    id: UserId,
    by: &Actor,
) -> Result<()> {
    not_oneself(by, id)?;
    if !user_change::remove(directory.database(), account, id, by).await? {
        return Err(missing());
    }
    Ok(())
}

/// So that the last admin cannot lock everybody out of the pages by mistake.
fn not_oneself(by: &Actor, id: UserId) -> Result<()> {
    match by {
        Actor::User { id: own, .. } if *own == id.to_string() => {
            Err(Refusal::conflict("That is you: another admin can do it."))
        }
        _ => Ok(()),
    }
}

/// Renames the user who is signed in.
///
/// # Errors
/// When the database is away.
pub async fn rename(directory: &Directory, session: &Session, input: ProfileInput) -> Result<()> {
    profile::rename(directory.database(), session, &input.name.0).await?;
    Ok(())
}

fn missing() -> Refusal {
    Refusal::not_found("user")
}
