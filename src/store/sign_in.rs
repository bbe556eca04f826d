//! How often signing in was tried in vain: counts by network address, by e-mail and network, and
//! by e-mail, which every daemon shares and which outlive a restart.
//!
//! A try is counted before the password is looked at, so that tries at the same time cannot
//! pass the bound together; a success takes its own count back. The counts come one after the
//! other, and what one of them refuses does not reach the next: whoever keeps trying from one place
//! cannot use up what others have for the same e-mail. A browser in which the user signed in
//! before has a count of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use diesel::sql_types::{BigInt, Bytea, Integer};
use diesel_async::RunQueryDsl;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::activity::note;
use super::fresh::SecretHash;
use super::statement::One;
use super::user::User;
use super::{Connection, Database, StoreError, known_browser};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::email::Email;

/// Tries in vain for one e-mail from one network within [`WINDOW`], or from a browser in which
/// the user signed in before.
pub const MOST_BY_EMAIL: i32 = 5;
/// Tries in vain for one e-mail from wherever, within [`WINDOW`].
pub const MOST_ANYWHERE: i32 = 50;
/// The same for [`Door::Reset`], since each may be a mail.
pub(crate) const MOST_MAILS: i32 = 10;
/// Tries in vain from one address within [`WINDOW`].
pub const MOST_BY_ADDRESS: i32 = 20;
/// How long tries are counted, from the first one, in seconds.
pub const WINDOW: i32 = 15 * 60;
/// The networks in which somebody easily has many addresses.
pub(crate) const NETWORK_V4: u8 = 24;
pub(crate) const NETWORK_V6: u8 = 48;

/// What is tried, which is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Signing in.
    SignIn,
    /// Asking for a mail to set another password.
    Reset,
}

impl Door {
    const fn most_anywhere(self) -> i32 {
        match self {
            Self::SignIn => MOST_ANYWHERE,
            Self::Reset => MOST_MAILS,
        }
    }
}

/// One try.
#[derive(Debug, Clone)]
pub struct Tries {
    door: Door,
    email_key: String,
    address: String,
    browser: Browser,
}

/// From which browser somebody tries.
#[derive(Debug, Clone)]
enum Browser {
    /// One that brought this, or nothing.
    Unknown(Option<SecretHash>),
    /// One in which the user signed in before.
    Known(SecretHash),
}

type Key = [u8; 32];

impl Tries {
    /// A try with what was given as e-mail, whatever it is, from an address, and from a browser
    /// that may have brought something along that it is known by.
    #[must_use]
    pub fn new(door: Door, email: &str, address: &str, brought: Option<SecretHash>) -> Self {
        Self {
            door,
            email_key: email.trim().to_lowercase(),
            address: address.to_owned(),
            browser: Browser::Unknown(brought),
        }
    }

    /// A try of a user who is signed in by that session.
    #[must_use]
    pub fn signed_in(door: Door, email: &str, address: &str, session: SecretHash) -> Self {
        Self {
            browser: Browser::Known(session),
            ..Self::new(door, email, address, None)
        }
    }

    /// From where.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn key(&self, kind: &str, place: &str, email: &str) -> Key {
        let door = match self.door {
            Door::SignIn => "sign-in",
            Door::Reset => "reset",
        };
        // None but the e-mail may hold a NUL.
        Sha256::digest(format!("{door}\0{kind}\0{place}\0{email}").as_bytes()).into()
    }

    fn by_address(&self) -> Key {
        self.key("address", &self.address, "")
    }

    fn by_network(&self) -> Key {
        self.key("network", &network(&self.address), &self.email_key)
    }

    fn by_email(&self) -> Key {
        self.key("email", "", &self.email_key)
    }

    fn by_browser(&self, browser: &SecretHash) -> Key {
        let browser = browser.map(|byte| format!("{byte:02x}")).concat();
        self.key("browser", &browser, &self.email_key)
    }
}

/// The network of an address as text; of what is none, itself.
fn network(address: &str) -> String {
    let bare = address.split_once('/').map_or(address, |(bare, _)| bare);
    match bare.parse() {
        Ok(IpAddr::V4(address)) => {
            let rest = 32 - u32::from(NETWORK_V4);
            let network = Ipv4Addr::from_bits(address.to_bits() >> rest << rest);
            format!("{network}/{NETWORK_V4}")
        }
        Ok(IpAddr::V6(address)) => {
            let rest = 128 - u32::from(NETWORK_V6);
            let network = Ipv6Addr::from_bits(address.to_bits() >> rest << rest);
            format!("{network}/{NETWORK_V6}")
        }
        Err(_) => address.to_owned(),
    }
}

#[derive(diesel::QueryableByName)]
struct TryCount {
    #[diesel(sql_type = Integer)]
    tries: i32,
    #[diesel(sql_type = BigInt)]
    seconds: i64,
}

/// Counts a try. Some: there were too many; seconds until it is worth another.
///
/// # Errors
/// When the database is away.
pub async fn count(database: &Database, tries: &mut Tries) -> Result<Option<i64>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    if let Browser::Unknown(Some(brought)) = tries.browser
        && known_browser::is_known(connection, &brought, &tries.email_key).await?
    {
        tries.browser = Browser::Known(brought);
    }
    let counts = match &tries.browser {
        Browser::Known(browser) => vec![(tries.by_browser(browser), MOST_BY_EMAIL)],
        Browser::Unknown(_) => vec![
            (tries.by_address(), MOST_BY_ADDRESS),
            (tries.by_network(), MOST_BY_EMAIL),
            (tries.by_email(), tries.door.most_anywhere()),
        ],
    };
    for (key, most) in counts {
        let counted: TryCount = diesel::sql_query(
            "insert into sign_in_attempt as a (key, tries, since) values ($1, 1, now()) \
             on conflict (key) do update set \
                 tries = case when a.since > now() - make_interval(secs => $2) \
                     then least(a.tries, 1000) + 1 else 1 end, \
                 since = case when a.since > now() - make_interval(secs => $2) \
                     then a.since else now() end \
             returning tries, ceil(extract(epoch from since - now()))::bigint + $2 as seconds",
        )
        .bind::<Bytea, _>(key.as_slice())
        .bind::<Integer, _>(WINDOW)
        .one(connection)
        .await?;
        if counted.tries > most {
            return Ok(Some(counted.seconds.max(1)));
        }
    }
    Ok(None)
}

/// Takes the count of a try that succeeded back, and forgets those of its e-mail from the same
/// network or browser.
pub(super) async fn succeeded(
    connection: &mut Connection,
    tries: &Tries,
) -> Result<(), StoreError> {
    let (own, shared) = match &tries.browser {
        Browser::Known(browser) => (tries.by_browser(browser), Vec::new()),
        // Whoever knows one password must not get new tries at others by it, nor take back what
        // others tried: of what is counted together only the own try goes.
        Browser::Unknown(_) => {
            let shared = vec![tries.by_address(), tries.by_email()];
            (tries.by_network(), shared)
        }
    };
    diesel::sql_query("delete from sign_in_attempt where key = $1")
        .bind::<Bytea, _>(own.as_slice())
        .execute(connection)
        .await?;
    for key in shared {
        diesel::sql_query(
            "with gone as (delete from sign_in_attempt where key = $1 and tries = 1) \
             update sign_in_attempt set tries = tries - 1 where key = $1 and tries > 1",
        )
        .bind::<Bytea, _>(key.as_slice())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Notes a sign-in that was refused: in the log of the user's account, else in that of `main`.
///
/// # Errors
/// When the database is away.
pub async fn refused(
    database: &Database,
    email: &Email,
    user: Option<&User>,
    tries: &Tries,
    why: &str,
) -> Result<(), StoreError> {
    let payload = json!({ "email": email.as_str(), "address": tries.address(), "why": why });
    let subject = user.map(|user| user.id.to_string());
    // Nobody has proved to be that user: Herald says it.
    note(
        &mut *database.get().await?,
        user.map(|user| user.account),
        &Actor::Herald,
        OwnActivity::SignInRefused,
        subject,
        Some(payload),
    )
    .await
}

/// Removes counts that are out of their time.
pub(super) async fn sweep(connection: &mut Connection) -> Result<usize, StoreError> {
    Ok(diesel::sql_query(
        "delete from sign_in_attempt where since < now() - make_interval(secs => $1)",
    )
    .bind::<Integer, _>(WINDOW)
    .execute(connection)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn addresses_of_one_network_are_counted_together() {
        for (address, expected) in [
            ("198.51.100.7", "198.51.100.0/24"),
            ("198.51.101.7", "198.51.101.0/24"),
            ("2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("2001:db8:1:ffff::/64", "2001:db8:1::/48"),
            ("2001:db8:2:2::/64", "2001:db8:2::/48"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(network(address), expected, "{address}");
        }
    }
}
