//! Who calls and in whose account. Tokens and the accounts that they name are known for at most a
//! second, so that a revoked token ends within that second and a publisher's request never waits
//! for the database; sessions of users are asked for each time (`session`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::access::{Need, Scope};
use super::rate_limit::{Limit, RateLimits, Rates};
use super::{Fault, Reason, Refusal, Result};
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, MAIN_ACCOUNT, TokenId};
use crate::domain::role::Role;
use crate::store::clock::uptime;
use crate::store::session::Session;
use crate::store::token::{self, TOKEN_LENGTH, TOKEN_PREFIX, Token, TokenHash};
use crate::store::{Database, account};

/// How long an answer of the database is believed.
const FRESH: u64 = 1_000;
/// How often what is in use is asked again.
const REFRESH: Duration = Duration::from_millis(400);
/// What was not used for so long is forgotten, in milliseconds.
const IDLE: u64 = 60_000;
/// How much is remembered at most.
const MOST_KNOWN: usize = 10_000;
/// Look-ups of unknown tokens at once, so that guessing cannot take all connections.
const LOOK_UPS: usize = 4;

/// Who calls, and in whose account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// What they may do.
    pub role: Role,
    /// The token belongs to no account, or the user is an admin of `main`: they may see lines of
    /// scripts. The table of routes says what they may do.
    pub operator: bool,
    /// The account that the request acts in.
    pub account: Option<AccountId>,
}

/// By what somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A token.
    Token(TokenId),
    /// A user who is signed in.
    User(Arc<Session>),
}

impl Caller {
    /// A user who is signed in, in their own account.
    #[must_use]
    pub fn user(session: Arc<Session>) -> Self {
        Self {
            role: session.role.into(),
            operator: oversees(session.role.into(), session.account()),
            account: Some(session.account()),
            who: Who::User(session),
        }
    }

    /// The caller as the activity log names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Token(token) => Actor::Token(*token),
            Who::User(session) => Actor::User {
                id: session.user().to_string(),
                email: session.email.clone(),
            },
        }
    }

    /// The id of the token or of the user.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.who {
            Who::Token(token) => token.to_string(),
            Who::User(session) => session.user().to_string(),
        }
    }
}

#[derive(Debug, Clone)]
struct Grant {
    who: Who,
    role: Role,
    account: Option<AccountId>,
    /// How many requests may be made.
    limit: Option<Arc<Limit>>,
}

impl Grant {
    fn count(&self) -> Result<()> {
        self.limit.as_ref().map_or(Ok(()), |limit| limit.count())
    }
}

struct Known<T> {
    value: T,
    /// Milliseconds of uptime before the database was asked.
    checked: u64,
    used: AtomicU64,
}

impl<T> Known<T> {
    fn is_fresh(&self, now: u64) -> bool {
        now <= self.checked + FRESH
    }
}

/// What is known of tokens and accounts.
pub struct Callers {
    database: Database,
    tokens: RwLock<HashMap<TokenHash, Known<Grant>>>,
    accounts: RwLock<HashMap<Box<str>, Known<AccountId>>>,
    look_ups: Semaphore,
    limits: RateLimits,
}

/// What a request says about its caller.
pub struct Credentials<'a> {
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// The value of `Herald-Account`.
    pub account: Option<&'a str>,
}

/// What can be said without the database.
pub enum Quick {
    /// Go on.
    Granted(Caller),
    /// The database must be asked.
    Ask(TokenHash),
}

impl Callers {
    /// Knows nothing yet; a task keeps what is in use fresh until the last handle is dropped.
    #[must_use]
    pub fn start(database: Database, rates: Rates) -> Arc<Self> {
        let callers = Arc::new(Self {
            database,
            tokens: RwLock::default(),
            accounts: RwLock::default(),
            look_ups: Semaphore::new(LOOK_UPS),
            limits: RateLimits::new(rates),
        });
        tokio::spawn(keep_fresh(Arc::downgrade(&callers)));
        callers
    }

    fn grant(&self, token: &Token) -> Grant {
        let own = token.rate_limit;
        let own = own.map(|limit| u32::try_from(limit).unwrap_or(0));
        Grant {
            who: Who::Token(token.id),
            role: token.role,
            account: token.account,
            limit: self.limits.of(token.id, own),
        }
    }

    /// Judges a request by what is known.
    ///
    /// # Errors
    /// No token, a text that is no token, too many requests with it, or a role that may not do
    /// this.
    pub fn quick(&self, need: Need, given: &Credentials<'_>) -> Result<Quick> {
        let hash = token::hash(bearer(given.authorization)?);
        let now = now();
        let tokens = read(&self.tokens);
        let Some(known) = tokens.get(&hash).filter(|known| known.is_fresh(now)) else {
            return Ok(Quick::Ask(hash));
        };
        known.used.store(now, Ordering::Relaxed);
        let grant = known.value.clone();
        drop(tokens);
        let mut named = None;
        if let Some(name) = given.account {
            let accounts = read(&self.accounts);
            let Some(known) = accounts.get(name).filter(|known| known.is_fresh(now)) else {
                return Ok(Quick::Ask(hash));
            };
            named = Some(known.value);
        }
        grant.count()?;
        permit(need, &grant)?;
        caller(need, grant, named).map(Quick::Granted)
    }

    /// Judges a request by asking the database.
    ///
    /// # Errors
    /// The token is not in force or may not do this, too many requests were made with it, the
    /// account is not there, or the database is away.
    pub async fn ask(&self, need: Need, hash: TokenHash, account: Option<&str>) -> Result<Caller> {
        let _turn = self.look_ups.acquire().await;
        // Another request may have asked meanwhile: after a start all of them come at once.
        let (grant, checked) = match self.known(&hash) {
            Some(known) => known,
            None => self.look_up(hash).await?,
        };
        grant.count()?;
        self.admit(need, grant, account, checked).await
    }

    fn known(&self, hash: &TokenHash) -> Option<(Grant, u64)> {
        let tokens = read(&self.tokens);
        let known = tokens.get(hash).filter(|known| known.is_fresh(now()))?;
        Some((known.value.clone(), known.checked))
    }

    async fn look_up(&self, hash: TokenHash) -> Result<(Grant, u64)> {
        let checked = now();
        let found = token::in_force(&self.database, &[hash]).await?;
        let Some((_, token)) = found.first() else {
            let detail = "This token is not in force.";
            return Err(Refusal::new(Reason::Unauthorized, detail));
        };
        let grant = self.grant(token);
        remember(&self.tokens, hash, grant.clone(), checked);
        Ok((grant, checked))
    }

    /// Judges the request of a user who is signed in.
    ///
    /// # Errors
    /// The user's role may not do this, the account is another one, or the database is away.
    pub async fn of_user(
        &self,
        need: Need,
        session: Arc<Session>,
        account: Option<&str>,
    ) -> Result<Caller> {
        let grant = Grant {
            role: session.role.into(),
            account: Some(session.account()),
            who: Who::User(session),
            limit: None,
        };
        self.admit(need, grant, account, now()).await
    }

    async fn admit(
        &self,
        need: Need,
        grant: Grant,
        account: Option<&str>,
        checked: u64,
    ) -> Result<Caller> {
        permit(need, &grant)?;
        let Some(name) = account else {
            return caller(need, grant, None);
        };
        let found = match name.parse::<AccountId>() {
            Ok(id) => account::find(&self.database, id).await?,
            Err(_) => account::find_by_name(&self.database, name).await?,
        };
        let id = found.ok_or_else(unknown_account)?.id;
        remember(&self.accounts, name.into(), id, checked);
        caller(need, grant, Some(id))
    }

    /// Forgets a token that was revoked or changed through this daemon.
    pub fn forget(&self, hash: &TokenHash) {
        write(&self.tokens).remove(hash);
    }

    /// Forgets everything, after a change that may concern many.
    pub fn forget_all(&self) {
        write(&self.tokens).clear();
        write(&self.accounts).clear();
    }

    async fn refresh(&self) {
        let checked = now();
        let in_use = |used: &AtomicU64| checked <= used.load(Ordering::Relaxed) + IDLE;
        let hashes: Vec<TokenHash> = {
            let mut tokens = write(&self.tokens);
            tokens.retain(|_, known| in_use(&known.used));
            tokens.keys().copied().collect()
        };
        if hashes.is_empty() {
            return;
        }
        // While the database is away everything grows stale, and requests say so themselves.
        let Ok(found) = token::in_force(&self.database, &hashes).await else {
            return;
        };
        let found: HashMap<TokenHash, Token> = found.into_iter().collect();
        let mut tokens = write(&self.tokens);
        for hash in hashes {
            match (found.get(&hash), tokens.get_mut(&hash)) {
                (Some(token), Some(known)) => {
                    known.value = self.grant(token);
                    known.checked = known.checked.max(checked);
                }
                (Some(_), None) => {}
                (None, _) => {
                    tokens.remove(&hash);
                }
            }
        }
    }
}

fn unknown_account() -> Refusal {
    Refusal::new(Reason::NotFound, "There is no such account.")
}

async fn keep_fresh(callers: Weak<Callers>) {
    let mut tick = tokio::time::interval(REFRESH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match callers.upgrade() {
            Some(callers) => callers.refresh().await,
            None => return,
        }
    }
}

fn remember<K: Eq + std::hash::Hash, T>(
    known: &RwLock<HashMap<K, Known<T>>>,
    key: K,
    value: T,
    checked: u64,
) {
    let mut known = write(known);
    if known.len() >= MOST_KNOWN {
        known.retain(|_, entry| entry.is_fresh(checked));
        if known.len() >= MOST_KNOWN {
            return;
        }
    }
    let used = AtomicU64::new(checked);
    known.insert(
        key,
        Known {
            value,
            checked,
            used,
        },
    );
}

fn bearer(authorization: Option<&str>) -> Result<&str> {
    let missing = || {
        let detail = "Send a token in the header `Authorization: Bearer hrld_…`; `herald token \
                      create` makes one.";
        Refusal::new(Reason::Unauthorized, detail)
    };
    let parts = authorization.and_then(|value| value.split_once(' '));
    let (scheme, text) = parts.ok_or_else(missing)?;
    let text = text.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    if text.len() != TOKEN_LENGTH || !text.starts_with(TOKEN_PREFIX) {
        let detail = format!(
            "This is not a token of Herald: one begins with {TOKEN_PREFIX} and has {TOKEN_LENGTH} \
             characters."
        );
        return Err(Refusal::new(Reason::Unauthorized, detail));
    }
    Ok(text)
}

fn permit(need: Need, grant: &Grant) -> Result<()> {
    let main = grant.account == Some(MAIN_ACCOUNT);
    let permitted = match grant.who {
        Who::Token(_) => need.access.permits(grant.role, grant.account.is_none()),
        Who::User(_) => need.access.permits_user(grant.role, main),
    };
    if permitted {
        return Ok(());
    }
    let yours = match (&grant.who, grant.account) {
        (Who::User(_), _) => "you are signed in",
        (Who::Token(_), None) => "yours is operator-wide,",
        (Who::Token(_), Some(_)) => "yours is of an account,",
    };
    let (needed, role) = (need.access.as_text(), grant.role);
    let detail = format!("This needs {needed}; {yours} with the role {role}.");
    Err(Refusal::new(Reason::Forbidden, detail))
}

/// The caller in the account that the request names, or else in that of the token or user.
fn caller(need: Need, grant: Grant, named: Option<AccountId>) -> Result<Caller> {
    let account = named.or(grant.account);
    if grant.account.is_some() && grant.account != account {
        return Err(unknown_account());
    }
    if need.scope == Scope::Account && account.is_none() {
        return Err(no_account());
    }
    let operator = match (&grant.who, grant.account) {
        (_, None) => true,
        (Who::User(_), Some(own)) => oversees(grant.role, own),
        (Who::Token(_), Some(_)) => false,
    };
    Ok(Caller {
        who: grant.who,
        role: grant.role,
        operator,
        account,
    })
}

/// Whether a user is an operator: an admin of the account `main`. They see more of the scripts,
/// and the pages of accounts; in another account they act no more than others.
fn oversees(role: Role, account: AccountId) -> bool {
    role == Role::Admin && account == MAIN_ACCOUNT
}

/// The request is about an account's things, and names no account.
pub fn no_account() -> Refusal {
    let detail = "An operator-wide token must name the account (its id or name) that it acts in.";
    let fault = Fault::new("Herald-Account", "this header is missing");
    Refusal::new(Reason::Malformed, detail).with(vec![fault])
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> u64 {
    u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX)
}
