//! Whether a connection keeps its session: a pooler in between may lend PostgreSQL's sessions for
//! a transaction or a statement, and then settings, prepared statements and locks get mixed up.

use diesel::result::Error as DieselError;
use diesel_async::SimpleAsyncConnection;

use super::clock::uptime;
use super::{Connection, Database, StoreError};

/// What the check raises in a session that is another one.
const LOST: &str = "this is another session than before";

/// For how long a pooler lends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lent {
    /// As long as a connection is open, as PostgreSQL itself does.
    ForConnection,
    /// For a transaction.
    ForTransaction,
    /// For a statement: not even transactions work.
    ForStatement,
}

/// Two connections that are open at once have two sessions, and each keeps its own; whichever way
/// a pooler chooses among its sessions, these steps show one that does not. They need no prepared
/// statements, which end a little later than they return.
///
/// # Errors
/// When two connections cannot be had.
pub async fn look(database: &Database) -> Result<Lent, StoreError> {
    // Connecting runs statements as well.
    let mut lent = match database.get().await {
        Err(StoreError::Away(text)) if is_mixed_up(&text) => return Ok(Lent::ForTransaction),
        made => made?,
    };
    let one: &mut Connection = &mut lent;
    let mut other = match database.bare().await {
        Err(StoreError::Away(text)) if is_mixed_up(&text) => return Ok(Lent::ForTransaction),
        made => made?,
    };
    match keep_sessions(one, &mut other).await {
        Ok(true) => Ok(Lent::ForConnection),
        Ok(false) => Ok(match one.batch_execute("begin").await {
            Err(error) if is_about_statements(&error.to_string()) => Lent::ForStatement,
            _ => Lent::ForTransaction,
        }),
        Err(error) if is_about_statements(&error.to_string()) => Ok(Lent::ForStatement),
        Err(error) if is_mixed_up(&error.to_string()) => Ok(Lent::ForTransaction),
        Err(error) => Err(error.into()),
    }
}

async fn keep_sessions(one: &mut Connection, other: &mut Connection) -> Result<bool, DieselError> {
    let token = uptime().as_nanos();
    let (first, second) = (format!("one-{token}"), format!("other-{token}"));
    mark(one, &first).await?;
    mark(other, &second).await?;
    if !has(one, &first).await? {
        return Ok(false);
    }
    // A pooler that goes round two sessions gets out of step here.
    one.batch_execute("select 1").await?;
    other.batch_execute("begin").await?;
    let mut kept = has(other, &second).await?;
    if kept {
        one.batch_execute("begin").await?;
        kept = has(one, &first).await?;
        one.batch_execute("rollback").await?;
    }
    other.batch_execute("rollback").await?;
    Ok(kept)
}

async fn mark(connection: &mut Connection, mark: &str) -> Result<(), DieselError> {
    let statement = format!("select set_config('herald.session', '{mark}', false)");
    connection.batch_execute(&statement).await
}

async fn has(connection: &mut Connection, mark: &str) -> Result<bool, DieselError> {
    let statement = format!(
        "do $$ begin if current_setting('herald.session', true) is distinct from '{mark}' then \
         raise exception '{LOST}'; end if; end $$"
    );
    match connection.batch_execute(&statement).await {
        Ok(()) => Ok(true),
        Err(error) if error.to_string().contains(LOST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// PostgreSQL's complaint about a statement that another session has prepared, in any language.
fn is_mixed_up(text: &str) -> bool {
    ["\"s", "»s", "«s"].iter().any(|quote| {
        text.split(quote)
            .skip(1)
            .any(|name| name.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// PgBouncer's message, which is always in English.
fn is_about_statements(text: &str) -> bool {
    text.contains("statement pooling mode")
}
