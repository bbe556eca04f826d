//! `herald token …`: API tokens, directly in the database, so that the first one can be made.

use chrono::SecondsFormat;
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::database::{self, Missing};
use super::output;
use crate::config::Config;
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::service::input::{OrNull, parse};
use crate::service::making::Making;
use crate::service::tokens::{self, RateLimit, TokenInput, TokenTitle};
use crate::service::{Directory, Reason, accounts};
use crate::store::account::Account;
use crate::store::token::Token;
use crate::store::{self, Database};

/// How many rows one statement reads.
const PAGE: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make one; it is printed this once
    Create(Create),
    /// List them
    List(ListTokens),
    /// Take one out of force for good; a running daemon obeys within a second
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("owner").required(true))]
pub(super) struct Create {
    /// The account that it belongs to
    #[arg(long, group = "owner", value_name = "ID|NAME")]
    account: Option<String>,
    /// Make it operator-wide: it names an account with each request
    #[arg(long, group = "owner")]
    operator: bool,
    /// What it may do
    #[arg(long, value_name = "publisher|viewer|admin")]
    role: Role,
    /// What people call it
    #[arg(long, default_value = "made on the command line", value_parser = parse::<TokenTitle>)]
    title: TokenTitle,
    /// Requests a second that may be made with it; 0: any number; what the settings say if it is
    /// left out
    #[arg(long, value_name = "N", value_parser = parse::<RateLimit>)]
    rate_limit: Option<RateLimit>,
}

#[derive(Debug, Args)]
pub(super) struct ListTokens {
    /// Only those of this account
    #[arg(long, value_name = "ID|NAME")]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Its id
    #[arg(value_name = "ID")]
    id: TokenId,
}

impl TokenCommand {
    pub(super) async fn run(self, config: &Config, json: bool) -> anyhow::Result<()> {
        let missing = match &self {
            Self::Create(_) => Missing::Create,
            Self::List(_) | Self::Revoke(_) => Missing::Refuse,
        };
        database::with_database(config, missing, async |database| match &self {
            Self::Create(create) => create.run(database, json).await,
            Self::List(list) => list.run(database, json).await,
            Self::Revoke(revoke) => revoke.run(database, json).await,
        })
        .await
    }
}

impl Create {
    async fn run(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        // On a new database the first token may come before the daemon's first start.
        store::migrate(database).await?;
        store::partition::ensure(database).await?;
        let directory = directory(database);
        let owner = match &self.account {
            Some(name) => Some(account_named(&directory, name).await?.id),
            None => None,
        };
        let input = TokenInput {
            title: self.title.clone(),
            role: self.role,
            rate_limit: self.rate_limit.map(|limit| OrNull(Some(limit))),
        };
        let made = tokens::create(&directory, owner, Making::by(&Actor::CommandLine), input).await;
        let (token, text) = made?;
        let text = text.unwrap_or_default();
        if json {
            let mut shown = shown(&token);
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("token".to_owned(), text.into());
            }
            output::json(&shown)?;
        } else {
            output::line(&text)?;
        }
        Ok(())
    }
}

impl ListTokens {
    async fn run(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        let directory = directory(database);
        let accounts = match &self.account {
            Some(name) => vec![account_named(&directory, name).await?],
            None => all_accounts(&directory).await?,
        };
        let mut found = Vec::new();
        if self.account.is_none() {
            let tokens = all_tokens(&directory, None).await?;
            found.extend(
                tokens
                    .into_iter()
                    .map(|token| ("(operator)".to_owned(), token)),
            );
        }
        for account in accounts {
            let tokens = all_tokens(&directory, Some(account.id)).await?;
            found.extend(
                tokens
                    .into_iter()
                    .map(|token| (account.name.clone(), token)),
            );
        }
        if json {
            let tokens: Vec<Value> = found.iter().map(|(_, token)| shown(token)).collect();
            output::json(&tokens)?;
            return Ok(());
        }
        let row = |(account, token): (String, Token)| {
            let second = |time: chrono::DateTime<chrono::Utc>| {
                time.to_rfc3339_opts(SecondsFormat::Secs, true)
            };
            let state = token.revoked_at.map_or_else(
                || "in force".to_owned(),
                |time| format!("revoked {}", second(time)),
            );
            let limit = match token.rate_limit {
                None => "settings".to_owned(),
                Some(0) => "none".to_owned(),
                Some(limit) => format!("{limit}/s"),
            };
            let (id, role) = (token.id.to_string(), token.role.to_string());
            [
                id,
                account,
                role,
                token.title,
                limit,
                second(token.created_at),
                state,
            ]
        };
        let headings = [
            "id", "account", "role", "title", "limit", "created", "state",
        ];
        output::table(&headings, found.into_iter().map(row))?;
        Ok(())
    }
}

impl Revoke {
    async fn run(&self, database: &Database, json: bool) -> anyhow::Result<()> {
        // No daemon may have made this month's part of the activity log.
        store::partition::ensure(database).await?;
        let directory = directory(database);
        let owners = all_accounts(&directory).await?.into_iter();
        let owners = owners.map(|account| Some(account.id));
        for owner in std::iter::once(None).chain(owners) {
            match tokens::revoke(&directory, owner, self.id, &Actor::CommandLine).await {
                Err(refusal) if refusal.reason == Reason::NotFound => {}
                done => {
                    done?;
                    if json {
                        output::json(&json!({ "id": self.id, "revoked": true }))?;
                    } else {
                        output::line(&format!("{} is revoked.", self.id))?;
                    }
                    return Ok(());
                }
            }
        }
        anyhow::bail!("there is no token {}", self.id)
    }
}

/// The directory of a command that prints no links.
pub(super) fn directory(database: &Database) -> Directory {
    Directory::offline(database.clone(), String::new())
}

pub(super) async fn account_named(directory: &Directory, name: &str) -> anyhow::Result<Account> {
    match accounts::named(directory, name).await {
        Err(refusal) if refusal.reason == Reason::NotFound => {
            anyhow::bail!("there is no account `{}`", output::plain(name))
        }
        found => Ok(found?),
    }
}

pub(super) async fn all_accounts(directory: &Directory) -> anyhow::Result<Vec<Account>> {
    let mut all: Vec<Account> = Vec::new();
    loop {
        let last = all.last().map(|account| account.id);
        let page = accounts::list(directory, last, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn all_tokens(directory: &Directory, owner: Option<AccountId>) -> anyhow::Result<Vec<Token>> {
    let mut all: Vec<Token> = Vec::new();
    loop {
        let page = tokens::list(directory, owner, all.last().map(|token| token.id), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn shown(token: &Token) -> Value {
    json!({
        "id": token.id,
        "account": token.account,
        "role": token.role,
        "title": token.title,
        "rate_limit": token.rate_limit,
        "created_at": token.created_at,
        "revoked_at": token.revoked_at,
    })
}
