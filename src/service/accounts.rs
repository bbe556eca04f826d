//! Accounts, for operators.

use std::sync::Arc;

use serde_json::{Value, json};

use super::input::{Faults, Given, InputField, ListOf, OrNull, checked, inputs};
use super::making::{Kind, Making, once};
use super::{Directory, Reason, Refusal, Result};
use crate::config::AccountBounds;
use crate::domain::activity::Actor;
use crate::domain::email::Email;
use crate::domain::id::{AccountId, MAIN_ACCOUNT, UserId};
use crate::domain::mail::{MAX_SENDERS, Sender};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;
use crate::store::account::{self, Account, Change, Removal};
use crate::store::bounds::{self, Usage};
use crate::store::user_change::NewUser;
use crate::store::user_link::Write;

/// Upper bound of a name's length, in characters.
pub const MAX_NAME: usize = 63;

checked! {
    /// An account's name.
    AccountName by check_name,
        json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" });
}

fn check_name(name: &str) -> Result<&str, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| letter(byte) || byte == b'_' || byte == b'-';
    let begins = name.bytes().next().is_some_and(letter);
    if begins && name.bytes().all(inner) && name.len() <= MAX_NAME {
        return Ok(name);
    }
    Err(format!(
        "must have 1 to {MAX_NAME} of a-z 0-9 _ -, the first one a letter or a digit"
    ))
}

impl InputField for Sender {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let wrong = "must be an address such as shop@example.com, or a domain such as example.com";
        given.read(faults, |text| text.parse().map_err(|_form| wrong))
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

inputs! {
    /// An account to be made.
    AccountInput {
        /// 1 to 63 of `a-z 0-9 _ -`, the first one a letter or a digit.
        name: AccountName = "shop",
    }

    /// An account to be made with its first admin, who gets a link to set a password.
    AccountWithAdmin {
        /// 1 to 63 of `a-z 0-9 _ -`, the first one a letter or a digit.
        name: AccountName,
        /// How the admin signs in.
        email: Email,
    }

    /// Changes of an account; what is left out stays.
    AccountPatch {
        /// 1 to 63 of `a-z 0-9 _ -`, the first one a letter or a digit.
        name: Option<AccountName> = "shop",
        /// The senders that its mails may name: addresses, or domains for every address of
        /// theirs. Null: the domain of `mail_from`. `mail_from` itself is Herald's own, unless it
        /// is listed here.
        mail_senders: Option<OrNull<ListOf<Sender, 0, MAX_SENDERS>>> =
            ["shop@example.com", "example.org"],
    }
}

/// What an account has of all that is bounded, and the most that it may have.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What it has.
    pub used: Usage,
    /// The most that it may have.
    pub most: Arc<AccountBounds>,
}

/// What an account has now.
///
/// # Errors
/// When the database is away.
pub async fn bounds(directory: &Directory, account: AccountId) -> Result<Bounds> {
    let database = directory.database();
    Ok(Bounds {
        used: bounds::usage(database, account).await?,
        most: database.bounds(),
    })
}

/// Makes an account.
///
/// # Errors
/// The name is taken, or the database is away.
pub async fn create(
    directory: &Directory,
    making: Making<'_>,
    input: AccountInput,
) -> Result<Account> {
    let database = directory.database();
    let make = async {
        let id = AccountId::from_uuid(directory.fresh_uuid());
        Ok(account::create(database, id, &input.name.0, making).await?)
    };
    let show = async |id| show(directory, id).await;
    once(database, None, (Kind::Account, making), make, show).await
}

/// Makes an account with its first admin. Returns the admin's link, if no mail could be sent.
///
/// # Errors
/// The name is taken, or the database is away.
pub async fn create_with_admin(
    directory: &Directory,
    by: &Actor,
    input: AccountWithAdmin,
) -> Result<(Account, Option<String>)> {
    let id = AccountId::from_uuid(directory.fresh_uuid());
    let admin = NewUser {
        id: UserId::from_uuid(directory.fresh_uuid()),
        account: id,
        email: input.email,
        name: String::new(),
        role: UserRole::Admin,
    };
    let letters = directory.letters();
    let admin = (admin, letters.as_ref().map(|write| write as Write<'_>));
    let (database, name, making) = (directory.database(), &input.name.0, Making::by(by));
    let made = account::create_with(database, id, name, Some(admin), making).await?;
    let (account, token) = made;
    let link = token.map(|token| directory.link(LinkPurpose::Invitation, &token));
    Ok((account, link))
}

/// At most `limit` accounts, newest first, behind `after`.
///
/// # Errors
/// When the database is away.
pub async fn list(
    directory: &Directory,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>> {
    Ok(account::list(directory.database(), after, limit).await?)
}

/// One account.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(directory: &Directory, id: AccountId) -> Result<Account> {
    let found = account::find(directory.database(), id).await?;
    found.ok_or_else(missing)
}

/// The account of that id or name.
///
/// # Errors
/// There is none, or the database is away.
pub async fn named(directory: &Directory, name: &str) -> Result<Account> {
    let database = directory.database();
    let found = match name.parse::<AccountId>() {
        Ok(id) => account::find(database, id).await?,
        Err(_) => account::find_by_name(database, name).await?,
    };
    found.ok_or_else(missing)
}

/// Changes an account.
///
/// # Errors
/// The name is taken, it is `main`'s, there is no such account, or the database is away.
pub async fn change(
    directory: &Directory,
    id: AccountId,
    by: &Actor,
    patch: AccountPatch,
) -> Result<Account> {
    let name = patch.name.map(|name| name.0);
    if id == MAIN_ACCOUNT && name.as_ref().is_some_and(|name| name != "main") {
        return Err(Refusal::conflict("The account `main` keeps its name."));
    }
    let change = Change {
        name,
        mail_senders: patch.mail_senders.map(|senders| senders.0.map(|it| it.0)),
    };
    let changed = account::change(directory.database(), id, change, by).await?;
    directory.forget_all();
    changed.ok_or_else(missing)
}

/// Removes an account: only one without subscriptions and without events, so that no log loses
/// its owner.
///
/// # Errors
/// It is in use or `main`, there is no such account, or the database is away.
pub async fn remove(directory: &Directory, id: AccountId, by: &Actor) -> Result<()> {
    if id == MAIN_ACCOUNT {
        return Err(Refusal::conflict("The account `main` cannot be removed."));
    }
    match account::remove(directory.database(), id, by).await? {
        Removal::Removed => {
            directory.forget_all();
            directory.routing_changed().await;
            Ok(())
        }
        Removal::Unknown => Err(missing()),
        Removal::InUse => Err(Refusal::conflict(
            "The account has subscriptions or events. Remove its subscriptions; its events go \
             with their retention.",
        )),
    }
}

fn missing() -> Refusal {
    Refusal::new(Reason::NotFound, "There is no such account.")
}
