//! Statements with fixed SQL. Diesel caches no `sql_query`, and builds multi-row inserts again
//! for each length; a batch of arrays under one `QueryId` is prepared once a connection. And how
//! the one row of a statement is read.

use diesel::result::{Error, QueryResult};
use diesel_async::RunQueryDsl;
use diesel_async::methods::LoadQuery;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Connection;

/// The one row of a statement. Diesel's `get_result` returns with the first row, which comes before
/// the commit of a statement that is a transaction of its own: what it says was stored could still
/// be undone. This returns after it.
pub(super) trait One: Sized {
    /// # Errors
    /// There is no row, the statement or its commit failed, or the database is away.
    fn one<'conn, 'query, U>(
        self,
        connection: &'conn mut Connection,
    ) -> BoxFuture<'conn, QueryResult<U>>
    where
        'query: 'conn,
        U: Send + 'conn,
        Self: LoadQuery<'query, Connection, U> + 'query,
    {
        self.load(connection)
            .map(|rows: QueryResult<Vec<U>>| rows?.into_iter().next().ok_or(Error::NotFound))
            .boxed()
    }
}

impl<T> One for T {}

/// Declares a statement: a struct whose fields are its parameters in the order of the `{}` in
/// its SQL file, and the SQL types of the columns that it returns.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident < $life:lifetime > ( $($field:ident : $kind:ty = $rust:ty),* $(,)? )
        -> ($($out:ty),* $(,)?) from $file:literal) => {
        $(#[$doc])*
        pub(super) struct $name<$life> {
            $(pub(super) $field: $rust,)*
            pub(super) life: std::marker::PhantomData<&$life ()>,
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = ($($out,)*);
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                const SQL: &str = include_str!($file);
                let mut parts = SQL.split("{}");
                out.push_sql(parts.next().unwrap_or_default());
                $(
                    out.push_bind_param::<$kind, _>(&self.$field)?;
                    out.push_sql(parts.next().unwrap_or_default());
                )*
                Ok(())
            }
        }
    };
}
