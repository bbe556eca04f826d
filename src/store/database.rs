//! Connections: a pool for what people and tools ask, and dedicated ones for the loops that
//! write batches.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio_postgres::NoTls;

use super::StoreError;
use super::error::in_words;
use super::server::keep_promises;

/// A connection of its own, closed when dropped.
pub type Connection = AsyncPgConnection;
/// A connection lent by the pool.
pub type PooledConnection = Object<AsyncPgConnection>;

/// How much of the pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that are lent.
    pub in_use: usize,
    /// Connections that are open and free.
    pub idle: usize,
    /// Connections that there may be.
    pub limit: usize,
    /// Who waits for one.
    pub waiting: usize,
}

/// How long a caller waits for a free connection before it is told that the database is away.
const WAIT: Duration = Duration::from_secs(5);
/// How long one connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The way to the database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    settings: Arc<tokio_postgres::Config>,
    pool: Pool<AsyncPgConnection>,
}

impl Database {
    /// Prepares a pool of at most `connections`; connects to nothing yet.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(url: &str, connections: usize) -> Result<Self, StoreError> {
        let mut settings: tokio_postgres::Config = url.parse().map_err(|error| {
            StoreError::Unfit(format!("the database URL cannot be read: {error}"))
        })?;
        settings.connect_timeout(CONNECT);
        if settings.get_application_name().is_none() {
            settings.application_name("herald");
        }
        let settings = Arc::new(settings);
        let mut manager = ManagerConfig::default();
        // The default pings at each checkout. A closed connection is noticed without it.
        manager.recycling_method = RecyclingMethod::Fast;
        let for_pool = Arc::clone(&settings);
        manager.custom_setup = Box::new(move |_| {
            let settings = Arc::clone(&for_pool);
            Box::pin(async move { connect(&settings).await })
        });
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), manager);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unfit(error.to_string()))?;
        Ok(Self { settings, pool })
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// When none becomes free within 5 s, or none can be made.
    pub async fn get(&self) -> Result<PooledConnection, StoreError> {
        self.pool
            .get()
            .await
            .map_err(|error| StoreError::Away(error.to_string()))
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
        let mut connection = connect(&self.settings).await?;
        diesel::sql_query("set plan_cache_mode = force_generic_plan")
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    /// Makes a connection without any settings of Herald's (for migrations).
    pub(super) async fn bare(&self) -> Result<Connection, StoreError> {
        Ok(connect(&self.settings).await?)
    }
}

async fn connect(settings: &tokio_postgres::Config) -> diesel::ConnectionResult<Connection> {
    let bad =
        |error: tokio_postgres::Error| diesel::ConnectionError::BadConnection(in_words(&error));
    let (client, connection) = settings.connect(NoTls).await.map_err(bad)?;
    let mut connection =
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    keep_promises(&mut connection)
        .await
        .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
