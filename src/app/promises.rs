//! Whether a PostgreSQL server can keep what Herald promises: that what was accepted is not lost,
//! not even by a power cut.

use anyhow::bail;

use crate::config::Config;
use crate::store::pooler::{self, Lent};
use crate::store::server::{self, ServerReport};
use crate::store::{Database, SchemaState, schema_state};

/// The oldest PostgreSQL that Herald's statements run on, as `server_version_num`.
const OLDEST: i32 = 150_000;

/// A setting of the server that breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenPromise {
    /// The setting's name.
    pub setting: &'static str,
    /// What it means.
    pub means: &'static str,
}

/// The settings that break a promise.
#[must_use]
pub fn broken(report: &ServerReport) -> Vec<BrokenPromise> {
    let mut broken = Vec::new();
    if !report.fsync {
        broken.push(BrokenPromise {
            setting: "fsync",
            means: "a power cut or a crash of the machine loses what was accepted, or all of the \
                    database",
        });
    }
    if !report.full_page_writes {
        broken.push(BrokenPromise {
            setting: "full_page_writes",
            means: "a power cut or a crash of the machine may damage the database",
        });
    }
    broken
}

/// Why Herald cannot work with the server at all; none: it can.
#[must_use]
pub fn unfit(report: &ServerReport) -> Option<String> {
    if report.version_number < OLDEST {
        return Some(format!(
            "PostgreSQL {} is too old: Herald needs 15 or newer",
            report.version
        ));
    }
    if report.encoding != "UTF8" {
        return Some(format!(
            "the database {} has the encoding {}: make one with `create database … encoding \
             'UTF8' template template0`",
            report.database, report.encoding
        ));
    }
    if report.standby {
        return Some(
            "this PostgreSQL is in recovery (a standby, or a backup that is being restored) and \
             takes no writes: give the address of its primary, or promote it"
                .to_owned(),
        );
    }
    if report.read_only {
        return Some(format!(
            "the database {} takes no writes: set default_transaction_read_only = off for it, and \
             find out why it is on (managed services do that when the disk is nearly full)",
            report.database
        ));
    }
    None
}

/// Why Herald cannot work with a pooler in between; none: it can, or there is no pooler.
#[must_use]
pub fn mixed_up(lent: Lent) -> Option<String> {
    let mode = match lent {
        Lent::ForConnection => return None,
        Lent::ForTransaction => "transaction",
        Lent::ForStatement => "statement",
    };
    Some(format!(
        "a pooler in {mode} mode is between Herald and PostgreSQL: it gives one session to \
         several connections, and mixes up their settings, prepared statements and locks"
    ))
}

/// What to do then.
pub const UNPOOLED: &str = "give the address of PostgreSQL itself, or of a pool in session mode \
                            (PgBouncer: pool_mode = session)";

/// The text that a newer Herald made this schema, if one did. Newer ones work beside this one, so
/// it is no reason to refuse.
#[must_use]
pub fn from_the_future(state: &SchemaState) -> Option<String> {
    let last = state.unknown.last()?;
    Some(format!(
        "a newer Herald has changed this database ({last}): this one works with it as long as \
         both are to run side by side"
    ))
}

/// Refuses a server that cannot keep Herald's promises.
///
/// # Errors
/// As text that says what to do.
pub(super) async fn check(
    database: &Database,
    config: &Config,
    confirmed: bool,
) -> anyhow::Result<()> {
    if config.database.url.is_some()
        && let Some(reason) = mixed_up(pooler::look(database).await?)
    {
        bail!("{reason}. In database_url {UNPOOLED}");
    }
    let report = server::look(database).await?;
    if let Some(reason) = unfit(&report) {
        bail!(reason);
    }
    if let Some(warning) = from_the_future(&schema_state(database).await?) {
        tracing::warn!(warning, "the schema is of a newer version");
    }
    let broken = broken(&report);
    let accepted = config.database.accept_unsafe && confirmed;
    for promise in &broken {
        let BrokenPromise { setting, means } = promise;
        if !accepted {
            bail!(
                "the PostgreSQL server has {setting} off: {means}. Set {setting} = on in its \
                 postgresql.conf and reload it. To use it all the same, set \
                 HERALD_UNSAFE_DATABASE=accept and start `herald serve --unsafe-database`"
            );
        }
        tracing::warn!(setting, means, "the database is unsafe, as was accepted");
    }
    Ok(())
}
