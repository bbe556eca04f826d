//! `herald user …`: people who may sign in, directly in the database, so that the first one can
//! be added and nobody is locked out for good.

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::database::{self, Missing};
use super::output;
use super::token::{account_named, all_accounts, directory};
use crate::config::Config;
use crate::domain::activity::Actor;
use crate::domain::email::Email;
use crate::domain::role::UserRole;
use crate::service::Directory;
use crate::service::input::parse;
use crate::service::making::Making;
use crate::service::users::{self, UserInput, UserName, UserPatch};
use crate::store::user::{self, User};
use crate::store::{self, Database, user_link};

/// How many rows one statement reads.
const PAGE: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add one; a link to set the password, once, is printed
    Add(AddUser),
    /// List them
    List(ListUsers),
    /// Change one
    Edit(EditUser),
    /// Remove one, with sessions and links
    Remove(UserOfAccount),
    /// Make a new link to set the password, once; earlier links end
    Link(MakeUserLink),
}

#[derive(Debug, Args)]
pub(super) struct AddUser {
    #[command(flatten)]
    who: UserOfAccount,
    /// What they may do
    #[arg(long, value_name = "viewer|admin")]
    role: UserRole,
    /// What people call them
    #[arg(long, value_parser = parse::<UserName>)]
    name: Option<UserName>,
    #[command(flatten)]
    pages: Pages,
}

#[derive(Debug, Args)]
pub(super) struct ListUsers {
    /// Only those of this account
    #[arg(long, value_name = "ID|NAME")]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct EditUser {
    #[command(flatten)]
    who: UserOfAccount,
    /// What they may do
    #[arg(long, value_name = "viewer|admin")]
    role: Option<UserRole>,
    /// What people call them
    #[arg(long, value_parser = parse::<UserName>)]
    name: Option<UserName>,
    /// Keep them from signing in; their sessions and links end at once
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let them sign in again
    #[arg(long)]
    enable: bool,
}

#[derive(Debug, Args)]
pub(super) struct MakeUserLink {
    #[command(flatten)]
    who: UserOfAccount,
    #[command(flatten)]
    pages: Pages,
}

#[derive(Debug, Args)]
pub(super) struct UserOfAccount {
    /// The e-mail
    email: Email,
    /// The account
    #[arg(long, value_name = "ID|NAME", default_value = "main")]
    account: String,
}

#[derive(Debug, Args)]
struct Pages {
    /// The address under which browsers reach Herald [default: as the settings say]
    #[arg(long, env = "HERALD_URL", value_name = "URL")]
    url: Option<String>,
}

impl Pages {
    /// The directory of a command that prints links.
    fn directory(&self, config: &Config, database: &Database) -> Directory {
        let given = self.url.clone().filter(|url| !url.is_empty());
        let base = given.unwrap_or_else(|| config.base_address(config.http.listen));
        Directory::offline(database.clone(), base.trim_end_matches('/').to_owned())
    }
}

impl UserCommand {
    pub(super) async fn run(self, config: &Config, json: bool) -> anyhow::Result<()> {
        let missing = match &self {
            Self::Add(_) => Missing::Create,
            _ => Missing::Refuse,
        };
        database::with_database(config, missing, async |database| {
            // On a new database the first user may come before the daemon's first start.
            if missing == Missing::Create {
                store::migrate(database).await?;
            }
            // No daemon may have made this month's part of the activity log.
            store::partition::ensure(database).await?;
            match &self {
                Self::Add(add) => add.run(database, config, json).await,
                Self::List(list) => list.run(database, json).await,
                Self::Edit(edit) => edit.run(database, json).await,
                Self::Remove(named) => named.remove(database, json).await,
                Self::Link(link) => link.run(database, config, json).await,
            }
        })
        .await
    }
}

impl AddUser {
    async fn run(&self, database: &Database, config: &Config, json: bool) -> anyhow::Result<()> {
        let directory = self.pages.directory(config, database);
        let account = account_named(&directory, &self.who.account).await?.id;
        let input = UserInput {
            email: self.who.email.clone(),
            name: self.name.clone(),
            role: self.role,
        };
        let made = users::invite(&directory, account, Making::by(&Actor::CommandLine), input).await;
        let (made, link) = made?;
        print_link(&made, &link.unwrap_or_default(), json)
    }
}

impl MakeUserLink {
    async fn run(&self, database: &Database, config: &Config, json: bool) -> anyhow::Result<()> {
        let directory = self.pages.directory(config, database);
        let account = account_named(&directory, &self.who.account).await?.id;
        let made = user_link::renew(database, account, &self.who.email).await?;
        let Some(link) = made else {
            anyhow::bail!("there is no user {}, or they are disabled", self.who.email);
        };
        let address = directory.link(link.purpose, &link.token);
        print_link(&link.user, &address, json)
    }
}

/// The address alone on standard output, so that a script can take it.
fn print_link(user: &User, address: &str, json: bool) -> anyhow::Result<()> {
    if json {
        let mut shown = shown(user);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("link".to_owned(), address.into());
        }
        output::json(&shown)?;
    } else {
        output::line(address)?;
    }
    Ok(())
}

impl ListUsers {
    async fn run(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        let directory = directory(database);
        let accounts = match &self.account {
            Some(name) => vec![account_named(&directory, name).await?],
            None => all_accounts(&directory).await?,
        };
        let mut found = Vec::new();
        for account in accounts {
            let mut last = None;
            loop {
                let page = users::list(&directory, account.id, last, PAGE).await?;
                let Some(end) = page.last() else { break };
                last = Some(end.id);
                found.extend(page.into_iter().map(|user| (account.name.clone(), user)));
            }
        }
        if json {
            let users: Vec<Value> = found.iter().map(|(_, user)| shown(user)).collect();
            output::json(&users)?;
            return Ok(());
        }
        let row = |(account, user): (String, User)| {
            let state = match (&user.disabled_at, user.password_set) {
                (Some(_), _) => "disabled",
                (None, true) => "active",
                (None, false) => "invited",
            };
            let last = user.last_sign_in_at.map_or_else(
                || "never".to_owned(),
                |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
            );
            [
                user.email.to_string(),
                user.name,
                account,
                user.role.to_string(),
                state.to_owned(),
                last,
            ]
        };
        let headings = ["e-mail", "name", "account", "role", "state", "signed in"];
        output::table(&headings, found.into_iter().map(row))?;
        Ok(())
    }
}

impl EditUser {
    async fn run(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        let user = self.who.find(database).await?;
        let patch = UserPatch {
            name: self.name.clone(),
            role: self.role,
            disabled: (self.disable || self.enable).then_some(self.disable),
        };
        let (directory, by) = (directory(database), Actor::CommandLine);
        let changed = users::change(&directory, user.account, user.id, &by, patch).await?;
        if json {
            output::json(&shown(&changed))?;
        } else {
            output::line(&format!("{} is changed.", changed.email))?;
        }
        Ok(())
    }
}

impl UserOfAccount {
    async fn find(&self, database: &Database) -> anyhow::Result<User> {
        let account = account_named(&directory(database), &self.account).await?.id;
        let found = user::find_by_email(database, account, &self.email).await?;
        found.ok_or_else(|| self.unknown())
    }

    fn unknown(&self) -> anyhow::Error {
        let account = output::plain(&self.account);
        anyhow::anyhow!("there is no user {} in the account `{account}`", self.email)
    }

    async fn remove(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        let user = self.find(database).await?;
        let (directory, by) = (directory(database), Actor::CommandLine);
        users::remove(&directory, user.account, user.id, &by).await?;
        if json {
            output::json(&json!({ "id": user.id, "removed": true }))?;
        } else {
            output::line(&format!("{} is removed.", user.email))?;
        }
        Ok(())
    }
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "account": user.account,
        "email": user.email.as_str(),
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled_at.is_some(),
        "password_set": user.password_set,
        "created_at": user.created_at,
        "last_sign_in_at": user.last_sign_in_at,
    })
}
