//! The database: whether it answers, keeps Herald's promises, and has room.

use std::time::Duration;

use super::finding::DoctorFinding;
use crate::app::promises;
use crate::config::Config;
use crate::postgres::PrivatePostgres;
use crate::store::clock::{DatabaseClock, uptime};
use crate::store::seal::{self, KnownSealKey};
use crate::store::server::{self, ServerReport};
use crate::store::{Database, StoreError, pooler, schema_state};

const REACH: &str = "database";
/// Connections that a daemon keeps besides its pool.
const BESIDE_POOL: i64 = 3;
/// Webhooks whose targets are tried.
const TARGETS: i64 = 5;
/// A difference of clocks that people notice, and one that receivers may refuse.
const CLOCK: Duration = Duration::from_secs(1);
const CLOCK_FAR: Duration = Duration::from_secs(60);

/// What the database says.
#[derive(Default)]
pub(super) struct DatabaseFindings {
    pub(super) findings: Vec<DoctorFinding>,
    /// Targets of webhooks.
    pub(super) targets: Vec<String>,
    /// The keys that secrets are sealed with; none: it could not be asked.
    pub(super) keys: Option<Vec<KnownSealKey>>,
}

impl DatabaseFindings {
    fn only(finding: DoctorFinding) -> Self {
        Self {
            findings: vec![finding],
            targets: Vec::new(),
            keys: None,
        }
    }
}

pub(super) async fn examine(config: &Config) -> DatabaseFindings {
    let url = match &config.database.url {
        Some(url) => url.clone(),
        None => match private(config) {
            Ok(url) => url,
            Err(finding) => return DatabaseFindings::only(finding),
        },
    };
    let seen = look(config, &url).await;
    // It takes a connection more than the rest: last, and only for what it finds.
    if let Some(reason) = pooled(config, &url).await {
        return DatabaseFindings::only(DoctorFinding::failed(REACH, reason, promises::UNPOOLED));
    }
    match seen {
        Ok(seen) => seen,
        Err(error) => DatabaseFindings::only(DoctorFinding::failed(
            REACH,
            error.to_string(),
            "check database_url, that PostgreSQL runs, and that it lets Herald's user in \
             (pg_hba.conf)",
        )),
    }
}

/// What is wrong with a pooler in between; none: nothing, or there is no pooler.
async fn pooled(config: &Config, url: &str) -> Option<String> {
    let database = Database::trusting(url, config.database.ca_file.as_deref(), 1).ok()?;
    promises::mixed_up(pooler::look(&database).await.ok()?)
}

/// The URL of the private PostgreSQL if it runs. It is not started for this.
fn private(config: &Config) -> Result<String, DoctorFinding> {
    let folder = &config.data_dir;
    if let Some(url) = PrivatePostgres::running(folder) {
        return Ok(url);
    }
    Err(match PrivatePostgres::installed(folder) {
        Err(error) => DoctorFinding::failed(
            REACH,
            error.to_string(),
            "install it, or set database_url to use another one",
        ),
        Ok(major) if PrivatePostgres::exists(folder) => DoctorFinding::warning(
            REACH,
            format!("the private PostgreSQL {major} does not run, so it was not examined"),
            "start Herald, and run the doctor again",
        ),
        Ok(major) => DoctorFinding::ok(
            REACH,
            format!("a private PostgreSQL {major} is made at the first start"),
        ),
    })
}

async fn look(config: &Config, url: &str) -> Result<DatabaseFindings, StoreError> {
    let database = Database::trusting(url, config.database.ca_file.as_deref(), 1)?;
    // The first question also connects.
    server::look(&database).await?;
    let asked = uptime();
    let report = server::look(&database).await?;
    let took = uptime().saturating_sub(asked);
    let mut findings = vec![reach(&report, took)];
    if let Some(warning) = database.warning() {
        let remedy = "put sslmode=verify-full into database_url";
        findings.push(DoctorFinding::warning("database TLS", warning, remedy));
    }
    findings.extend(promises_of(&report));
    findings.push(clock(&report, asked, took));
    findings.push(rights(&report));
    findings.push(connections(config, &report));
    if !report.autovacuum {
        findings.push(DoctorFinding::warning(
            "autovacuum",
            "is off: tables grow without bound",
            "set autovacuum = on in postgresql.conf and reload PostgreSQL",
        ));
    }
    let schema = schema_state(&database).await?;
    findings.push(
        match (promises::from_the_future(&schema), schema.pending.len()) {
            (Some(warning), _) => {
                DoctorFinding::warning("schema", warning, "install the newer Herald")
            }
            (None, 0) => DoctorFinding::ok("schema", "is of this version"),
            (None, count) => DoctorFinding::ok(
                "schema",
                format!("{count} migrations are to come: the next start, or `herald migrate`"),
            ),
        },
    );
    let targets = match server::https_targets(&database, TARGETS).await {
        Ok(targets) => targets,
        // No tables yet.
        Err(StoreError::Unfit(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let keys = match seal::known(&database).await {
        Ok(keys) => Some(keys),
        // No tables yet, or those of a version without keys.
        Err(StoreError::Unfit(_)) => Some(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(DatabaseFindings {
        findings,
        targets,
        keys,
    })
}

fn reach(report: &ServerReport, took: Duration) -> DoctorFinding {
    if let Some(reason) = promises::unfit(report) {
        return DoctorFinding::failed(REACH, reason, "set database_url to one that fits");
    }
    let way = match (report.socket, report.encrypted) {
        (true, _) => "over a socket",
        (false, true) => "encrypted",
        (false, false) => "not encrypted",
    };
    let found = format!(
        "PostgreSQL {}, database {} as {}, answers in {:.1} ms, {way}",
        report.version,
        report.database,
        report.user,
        took.as_secs_f64() * 1_000.0
    );
    DoctorFinding::ok(REACH, found)
}

/// One line for each setting that a promise rests on.
fn promises_of(report: &ServerReport) -> Vec<DoctorFinding> {
    let broken = promises::broken(report);
    let mut findings: Vec<DoctorFinding> = ["fsync", "full_page_writes"]
        .into_iter()
        .map(
            |setting| match broken.iter().find(|it| it.setting == setting) {
                None => DoctorFinding::ok(setting, "is on"),
                Some(promise) => DoctorFinding::failed(
                    setting,
                    format!("is off: {}", promise.means),
                    format!("set {setting} = on in postgresql.conf and reload PostgreSQL"),
                ),
            },
        )
        .collect();
    let commit = &report.synchronous_commit;
    findings.push(if commit == "off" {
        DoctorFinding::warning(
            "synchronous_commit",
            "is off by default; Herald switches it on for itself",
            "nothing for Herald; other programs there may lose what they committed",
        )
    } else {
        DoctorFinding::ok("synchronous_commit", format!("is {commit}"))
    });
    findings
}

fn clock(report: &ServerReport, asked: Duration, took: Duration) -> DoctorFinding {
    const CHECK: &str = "clock";
    let own = DatabaseClock::new();
    // The answer was made about halfway between question and now.
    let since = uptime().saturating_sub(asked).saturating_sub(took / 2);
    let then = own.now() - since;
    let apart = (report.now - then).abs().to_std().unwrap_or(Duration::MAX);
    let found = format!(
        "this machine and the database are {} ms apart",
        apart.as_millis()
    );
    let remedy = "let both follow a time server (`timedatectl set-ntp true`)";
    if apart > CLOCK_FAR {
        DoctorFinding::failed(CHECK, found, remedy)
    } else if apart > CLOCK {
        DoctorFinding::warning(CHECK, found, remedy)
    } else {
        DoctorFinding::ok(CHECK, found)
    }
}

fn rights(report: &ServerReport) -> DoctorFinding {
    const CHECK: &str = "permissions";
    let (user, database) = (&report.user, &report.database);
    if report.may_create {
        return DoctorFinding::ok(CHECK, format!("{user} may make tables in {database}"));
    }
    DoctorFinding::failed(
        CHECK,
        format!("{user} may not make tables in {database}"),
        format!(
            "alter database \"{database}\" owner to \"{user}\"; or, connected to it: grant usage, create \
             on schema public to \"{user}\""
        ),
    )
}

fn connections(config: &Config, report: &ServerReport) -> DoctorFinding {
    const CHECK: &str = "free connections";
    let own = report.connections_of_user;
    let by_user = i64::from(own) - report.connections_used_by_user;
    let by_server = i64::from(report.connections) - report.connections_used;
    let free = if own < 0 {
        by_server
    } else {
        by_server.min(by_user)
    };
    // The doctor's own is free again in a moment.
    let free = free + 1;
    let pool = i64::try_from(config.database.connections).unwrap_or(i64::MAX);
    let needed = pool.saturating_add(BESIDE_POOL);
    let found = format!(
        "{free} of {}; a daemon takes up to {needed}",
        report.connections
    );
    let remedy = "raise max_connections, or lower database_connections";
    // A daemon that runs has its connections already.
    if free < 3 {
        DoctorFinding::failed(CHECK, found, remedy)
    } else if free < needed {
        DoctorFinding::warning(CHECK, found, remedy)
    } else {
        DoctorFinding::ok(CHECK, found)
    }
}
