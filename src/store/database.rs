//! Connections: a pool for what people and tools ask, and dedicated ones for the loops that
//! write batches.

mod address;
mod lent;
mod reading;
mod tls;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio_postgres::error::SqlState;
use tokio_postgres::{NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;
use super::error::connect_error_text;
use super::server::keep_promises;
use crate::config::{AccountBounds, Live};
use crate::domain::seal::KeyRing;
use address::Address;
use deadpool::managed::{Pool, PoolError};
use lent::Lender;
pub use lent::PooledConnection;
use reading::Readers;
pub use reading::{READ_WITHIN, reading};

/// A connection of its own, closed when dropped.
pub type Connection = AsyncPgConnection;

/// How much of the pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that are lent.
    pub in_use: usize,
    /// Connections that are open and free.
    pub idle: usize,
    /// Connections that there may be.
    pub limit: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

/// How long a caller waits for a free connection; then the database counts as away.
const WAIT: Duration = Duration::from_secs(5);
/// How long one connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The way to the database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    way: Arc<Way>,
    pool: Pool<Lender>,
    readers: Readers,
    keys: Arc<RwLock<Arc<KeyRing>>>,
    bounds: Arc<Live<AccountBounds>>,
}

impl Database {
    /// Prepares a pool of at most `connections`; connects to nothing yet.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(url: &str, connections: usize) -> Result<Self, StoreError> {
        Self::trusting(url, None, connections)
    }

    /// As [`Database::new`], with the file of a CA (PEM) whose certificates are trusted where
    /// the URL asks for TLS and names no CA itself.
    ///
    /// # Errors
    /// When the URL or the file cannot be read.
    pub fn trusting(
        url: &str,
        ca_file: Option<&Path>,
        connections: usize,
    ) -> Result<Self, StoreError> {
        let way = Arc::new(Way::read(url, ca_file)?);
        let manager = Lender {
            way: Arc::clone(&way),
        };
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unfit(error.to_string()))?;
        Ok(Self {
            way,
            pool,
            keys: Arc::default(),
            readers: Readers::new(connections),
            bounds: Arc::default(),
        })
    }

    /// The keys that sealed values are opened with.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one account may have.
    #[must_use]
    pub fn bounds(&self) -> Arc<AccountBounds> {
        self.bounds.get()
    }

    /// Puts other bounds in force, here and in all clones.
    pub fn set_bounds(&self, bounds: AccountBounds) {
        self.bounds.set(bounds);
    }

    /// Takes other keys, here and in all clones.
    pub fn set_keys(&self, ring: KeyRing) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(ring);
    }

    /// What an operator should know of the way to the database: that nothing proves that a
    /// server on another machine is the right one.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let host = self.way.address.unproven_host()?;
        Some(format!(
            "nothing proves that the database at {host} is the right one, so that somebody \
             between could read and change everything: put sslmode=verify-full into the \
             database URL, and name its CA by HERALD_DATABASE_CA_FILE"
        ))
    }

    /// The ports on which its server listens, if it listens on the network.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        match self.way.address.settings.get_ports() {
            [] => vec![5432],
            ports => ports.to_vec(),
        }
    }

    /// Lends a connection. Within [`reading`] the account has at most half of them, and each
    /// statement has its time.
    ///
    /// # Errors
    /// When none becomes free within 5 s, or none can be made; within [`reading`] also
    /// [`StoreError::Crowded`].
    pub async fn get(&self) -> Result<PooledConnection, StoreError> {
        let reader = self.readers.enter().await?;
        let away = |error: PoolError<diesel::ConnectionError>| StoreError::away(error.to_string());
        PooledConnection::new(self.pool.get().await.map_err(away)?, reader).await
    }

    /// How much of the pool is in use now.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        let status = self.pool.status();
        PoolUse {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            limit: status.max_size,
            waiting: status.waiting,
        }
    }

    /// Makes a connection of its own for a loop that writes batches. Its plans are generic:
    /// its statements are few, fixed, and need no look at their values.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn dedicated(&self) -> Result<Connection, StoreError> {
        let mut connection = self.way.connect().await?;
        diesel::sql_query("set plan_cache_mode = force_generic_plan")
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    /// Makes a connection without any settings of Herald's (for migrations).
    pub(super) async fn bare(&self) -> Result<Connection, StoreError> {
        Ok(self.way.connect().await?)
    }
}

/// How a connection is made.
struct Way {
    address: Address,
    tls: Option<MakeRustlsConnect>,
    /// Without TLS, for a server that does not offer it, where that is allowed.
    plain: tokio_postgres::Config,
}

impl Way {
    fn read(url: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let mut address = Address::read(url, ca_file)?;
        let settings = &mut address.settings;
        settings.connect_timeout(CONNECT);
        if settings.get_application_name().is_none() {
            settings.application_name("herald");
        }
        let tls = tls::connector(&address)?;
        let mut plain = address.settings.clone();
        plain.ssl_mode(SslMode::Disable);
        Ok(Self {
            address,
            tls,
            plain,
        })
    }

    async fn connect(&self) -> diesel::ConnectionResult<Connection> {
        let mut connection = self.reach().await?;
        keep_promises(&mut connection)
            .await
            .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    async fn reach(&self) -> diesel::ConnectionResult<Connection> {
        let Some(tls) = &self.tls else {
            return self.connect_plain().await;
        };
        // The library bounds the connecting alone, not the handshake.
        let connected = self.address.settings.connect(tls.clone());
        let error = match tokio::time::timeout(CONNECT, connected).await {
            Ok(Ok((client, connection))) => {
                return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
            }
            Ok(Err(error)) => error,
            Err(_elapsed) => {
                let what = format!("no TLS with the server within {} s", CONNECT.as_secs());
                return Err(diesel::ConnectionError::BadConnection(what));
            }
        };
        // `prefer` means: rather without TLS than not at all. The second try shows what is wrong
        // where neither works; a server may also refuse this user over TLS alone.
        let may_be_plain = error
            .code()
            .is_none_or(|code| *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        if self.address.settings.get_ssl_mode() == SslMode::Prefer && may_be_plain {
            return self.connect_plain().await;
        }
        Err(bad(&error))
    }

    async fn connect_plain(&self) -> diesel::ConnectionResult<Connection> {
        let connected = self.plain.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| bad(&error))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }
}

fn bad(error: &tokio_postgres::Error) -> diesel::ConnectionError {
    let text = tls::error_text(error).unwrap_or_else(|| connect_error_text(error));
    diesel::ConnectionError::BadConnection(text)
}
