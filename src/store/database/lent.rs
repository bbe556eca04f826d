//! Connections of the pool, with what is set on each: a read's statements have a time limit, and
//! whoever has the connection next must not have it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use deadpool::managed::{Manager, Metrics, Object, RecycleError, RecycleResult};
use diesel::ConnectionError;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::Way;
use super::reading::{READ_WITHIN, Reader};
use crate::store::StoreError;

/// Makes and judges the pool's connections.
pub(super) struct Lender {
    pub(super) way: Arc<Way>,
}

/// A connection as the pool has it.
pub(super) struct ManagedConnection {
    connection: AsyncPgConnection,
    /// Whether its statements have [`READ_WITHIN`]; none: that is not known.
    timed: Option<bool>,
}

impl Manager for Lender {
    type Type = ManagedConnection;
    type Error = ConnectionError;

    async fn create(&self) -> Result<ManagedConnection, ConnectionError> {
        Ok(ManagedConnection {
            // Connecting is rare and its future large; every lending would carry it along.
            connection: Box::pin(self.way.connect()).await?,
            timed: Some(false),
        })
    }

    /// No ping: a connection that was closed is noticed without it.
    async fn recycle(
        &self,
        lent: &mut ManagedConnection,
        _: &Metrics,
    ) -> RecycleResult<ConnectionError> {
        if std::thread::panicking() || lent.connection.is_broken() {
            return Err(RecycleError::message(
                "it is closed, or broke within a transaction",
            ));
        }
        Ok(())
    }
}

/// A connection lent by the pool.
pub struct PooledConnection {
    lent: Object<Lender>,
    _reader: Option<Reader>,
}

impl PooledConnection {
    /// With the time for its statements that a reader has, or without.
    pub(super) async fn new(
        lent: Object<Lender>,
        reader: Option<Reader>,
    ) -> Result<Self, StoreError> {
        let mut own = Self {
            lent,
            _reader: reader,
        };
        let timed = own._reader.is_some();
        if own.lent.timed != Some(timed) {
            own.lent.timed = None;
            let most = if timed { READ_WITHIN.as_millis() } else { 0 };
            diesel::sql_query(format!("set statement_timeout = {most}"))
                .execute(&mut own)
                .await?;
            own.lent.timed = Some(timed);
        }
        Ok(own)
    }
}

impl Deref for PooledConnection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.lent.connection
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.lent.connection
    }
}
