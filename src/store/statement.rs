//! Statements with fixed SQL. Diesel caches no `sql_query`, and builds multi-row inserts anew
//! for each length; a batch of arrays under one `QueryId` is prepared once a connection.

/// Declares a statement: a struct whose fields are its parameters in the order of the `{}` in
/// its SQL file, and the SQL types of the columns that it answers.
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
