//! The settings of the database: which one, and how much of it Herald takes.

use std::path::PathBuf;

use super::setting::{Kind, Setting, number, store};

/// Everything about the database that an operator can set.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// The database to use; `None` means a private PostgreSQL under `data_dir`.
    pub url: Option<String>,
    /// The CA (PEM) that signed the database's certificate.
    pub ca_file: Option<PathBuf>,
    /// The most connections to the database that the daemon opens.
    pub connections: usize,
    /// Whether to use a database that may lose what was committed; `serve` needs its own option
    /// for it as well.
    pub accept_unsafe: bool,
}

impl DatabaseConfig {
    pub(super) const fn blank() -> Self {
        Self {
            url: None,
            ca_file: None,
            connections: 0,
            accept_unsafe: false,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "database_url",
        variable: "HERALD_DATABASE_URL",
        default: "",
        meaning: "The PostgreSQL to use, as postgresql://user:password@host/database; not set: \
                  Herald runs a private PostgreSQL under data_dir.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.database.url, database_url(text)),
        show: |config| {
            config
                .database
                .url
                .as_deref()
                .map_or_else(String::new, masked)
        },
    },
    Setting {
        key: "database_ca_file",
        variable: "HERALD_DATABASE_CA_FILE",
        default: "",
        meaning: "The CA that signed the database's certificate, a PEM file; it is used if \
                  database_url says sslmode=verify-full, verify-ca or require and names no \
                  sslrootcert.",
        kind: Kind::Text,
        set: |config, text| {
            config.database.ca_file = (!text.is_empty()).then(|| PathBuf::from(text));
            Ok(())
        },
        show: |config| {
            let file = config.database.ca_file.as_deref();
            file.map_or_else(String::new, |path| path.display().to_string())
        },
    },
    Setting {
        key: "database_connections",
        variable: "HERALD_DATABASE_CONNECTIONS",
        default: "8",
        meaning: "Connections in the pool of one daemon (2 to 100); it keeps up to three more for \
                  writing.",
        kind: Kind::Number,
        set: |config, text| store(&mut config.database.connections, number(text, 2..=100)),
        show: |config| config.database.connections.to_string(),
    },
    Setting {
        key: "unsafe_database",
        variable: "HERALD_UNSAFE_DATABASE",
        default: "",
        meaning: "The word accept allows, together with `herald serve --unsafe-database`, a \
                  PostgreSQL that may lose what was committed (fsync or full_page_writes off).",
        kind: Kind::Text,
        set: |config, text| store(&mut config.database.accept_unsafe, accepted(text)),
        show: |config| {
            let shown = if config.database.accept_unsafe {
                ACCEPT
            } else {
                ""
            };
            shown.to_owned()
        },
    },
];

/// What must be written out to use an unsafe database.
const ACCEPT: &str = "accept";

fn accepted(text: &str) -> Result<bool, String> {
    match text {
        "" => Ok(false),
        ACCEPT => Ok(true),
        other => Err(format!(
            "`{other}` should be the word {ACCEPT}, or not be set"
        )),
    }
}

/// Only the shape: the store judges the rest, and its error shows no password either.
fn database_url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let is_pairs = !text.contains("://") && text.contains('=');
    if is_url || is_pairs {
        Ok(Some(text.to_owned()))
    } else {
        // The text itself may hold a password, so it is not repeated.
        Err("should be like postgresql://user:password@host:5432/database".to_owned())
    }
}

/// What a log may show of a database URL: never a password.
fn masked(text: &str) -> String {
    const HIDDEN: &str = "(set, but not shown: it may hold a password)";
    let Ok(mut url) = url::Url::parse(text) else {
        return HIDDEN.to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return HIDDEN.to_owned();
    }
    if url.query_pairs().any(|(name, _)| name.contains("password")) {
        return HIDDEN.to_owned();
    }
    url.into()
}
