//! The table of settings: for each its key, variable, default, meaning, and how its text is
//! read and shown. A new setting is one field of `Config` and one row here.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::Config;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What a value is in the TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    List,
}

impl Kind {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Number => "a whole number without quotes",
            Self::List => "a list of texts",
        }
    }
}

/// One row of the table of settings.
#[derive(Debug)]
pub struct Setting {
    /// The key in the TOML file.
    pub key: &'static str,
    /// The environment variable, which wins over the file.
    pub variable: &'static str,
    /// The default, written as the variable would be; empty: not set.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
    pub(super) kind: Kind,
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    /// The value in force, without passwords.
    pub(super) show: fn(&Config) -> String,
}

/// All rows, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .chain(super::web::SETTINGS)
        .chain(super::mail::SETTINGS)
}

const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variable: "HERALD_LISTEN",
        default: "127.0.0.1:8080",
        meaning: "The address and port on which Herald serves HTTP.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.listen, listen(text)),
        show: |config| config.listen.to_string(),
    },
    Setting {
        key: "database_url",
        variable: "HERALD_DATABASE_URL",
        default: "",
        meaning: "The PostgreSQL to use, as postgresql://user:password@host/database; not set: \
                  Herald runs a private PostgreSQL under data_dir.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.database_url, database_url(text)),
        show: |config| {
            config
                .database_url
                .as_deref()
                .map_or_else(String::new, masked)
        },
    },
    Setting {
        key: "data_dir",
        variable: "HERALD_DATA_DIR",
        default: "/var/lib/herald",
        meaning: "The folder for what Herald keeps outside the database; made if it is missing.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.data_dir, not_empty(text).map(PathBuf::from)),
        show: |config| config.data_dir.display().to_string(),
    },
    Setting {
        key: "plugins_dir",
        variable: "HERALD_PLUGINS_DIR",
        default: "/etc/herald/plugins",
        meaning: "The folder with the scripts that filter and transform; it need not exist.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.plugins_dir, not_empty(text).map(PathBuf::from)),
        show: |config| config.plugins_dir.display().to_string(),
    },
    Setting {
        key: "allow_networks",
        variable: "HERALD_ALLOW_NETWORKS",
        default: "",
        meaning: "Networks (CIDR, comma-separated in the variable, a list in the file) that \
                  targets may use though they are forbidden by default.",
        kind: Kind::List,
        set: |config, text| store(&mut config.allow_networks, networks(text)),
        show: |config| {
            config
                .allow_networks
                .iter()
                .map(IpNet::to_string)
                .collect::<Vec<_>>()
                .join(",")
        },
    },
    Setting {
        key: "http_workers",
        variable: "HERALD_HTTP_WORKERS",
        default: "0",
        meaning: "Threads that serve HTTP; 0: half of the cores.",
        kind: Kind::Number,
        set: |config, text| store(&mut config.http_workers, number(text, 0..=256)),
        show: |config| config.http_workers.to_string(),
    },
    Setting {
        key: "delivery_workers",
        variable: "HERALD_DELIVERY_WORKERS",
        default: "0",
        meaning: "Threads that deliver; 0: half of the cores.",
        kind: Kind::Number,
        set: |config, text| store(&mut config.delivery_workers, number(text, 0..=256)),
        show: |config| config.delivery_workers.to_string(),
    },
    Setting {
        key: "memory_budget_bytes",
        variable: "HERALD_MEMORY_BUDGET_BYTES",
        default: "33554432",
        meaning: "Bytes of events held in memory before they overflow to the database \
                  (1 MiB to 4 GiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.memory_budget_bytes,
                number(text, 1_048_576..=4_294_967_296),
            )
        },
        show: |config| config.memory_budget_bytes.to_string(),
    },
    Setting {
        key: "lease_ttl_seconds",
        variable: "HERALD_LEASE_TTL_SECONDS",
        default: "10",
        meaning: "Seconds without a sign of life after which other daemons take over (5 to 60).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.lease_ttl_seconds, number(text, 5..=60)),
        show: |config| config.lease_ttl_seconds.to_string(),
    },
    Setting {
        key: "retention_days",
        variable: "HERALD_RETENTION_DAYS",
        default: "30",
        meaning: "Days that events and attempts are kept (3 to 3650).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.retention_days, number(text, 3..=3650)),
        show: |config| config.retention_days.to_string(),
    },
    Setting {
        key: "activity_retention_days",
        variable: "HERALD_ACTIVITY_RETENTION_DAYS",
        default: "365",
        meaning: "Days that activities are kept, to the end of their month (31 to 3650).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.activity_retention_days, number(text, 31..=3650)),
        show: |config| config.activity_retention_days.to_string(),
    },
    Setting {
        key: "drain_seconds",
        variable: "HERALD_DRAIN_SECONDS",
        default: "20",
        meaning: "Seconds that a stopping daemon gives to what is in flight (1 to 300).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.drain_seconds, number(text, 1..=300)),
        show: |config| config.drain_seconds.to_string(),
    },
    Setting {
        key: "database_connections",
        variable: "HERALD_DATABASE_CONNECTIONS",
        default: "8",
        meaning: "The most connections to the database that one daemon opens (2 to 100).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.database_connections, number(text, 2..=100)),
        show: |config| config.database_connections.to_string(),
    },
    Setting {
        key: "plugin_deadline_ms",
        variable: "HERALD_PLUGIN_DEADLINE_MS",
        default: "50",
        meaning: "Milliseconds of processor time that a plugin may take for one attempt \
                  (10 to 1000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_deadline_ms, number(text, 10..=1_000)),
        show: |config| config.plugin_deadline_ms.to_string(),
    },
    Setting {
        key: "plugin_operations",
        variable: "HERALD_PLUGIN_OPERATIONS",
        default: "1000000",
        meaning: "Operations that a plugin may use for one attempt (1000 to 1000000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_operations,
                number(text, 1_000..=1_000_000_000),
            )
        },
        show: |config| config.plugin_operations.to_string(),
    },
    Setting {
        key: "plugin_memory_bytes",
        variable: "HERALD_PLUGIN_MEMORY_BYTES",
        default: "67108864",
        meaning: "Bytes that the process may grow by while a plugin runs (16 MiB to 4 GiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_memory_bytes,
                number(text, 16_777_216..=4_294_967_296),
            )
        },
        show: |config| config.plugin_memory_bytes.to_string(),
    },
    Setting {
        key: "plugin_call_levels",
        variable: "HERALD_PLUGIN_CALL_LEVELS",
        default: "32",
        meaning: "Functions of a plugin that may call each other (4 to 128).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_call_levels, number(text, 4..=128)),
        show: |config| config.plugin_call_levels.to_string(),
    },
    Setting {
        key: "plugin_expression_depth",
        variable: "HERALD_PLUGIN_EXPRESSION_DEPTH",
        default: "64",
        meaning: "Expressions of a plugin inside each other (16 to 256).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_expression_depth, number(text, 16..=256)),
        show: |config| config.plugin_expression_depth.to_string(),
    },
    Setting {
        key: "plugin_string_bytes",
        variable: "HERALD_PLUGIN_STRING_BYTES",
        default: "2097152",
        meaning: "Bytes of all texts in one value of a plugin (64 KiB to 16 MiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_string_bytes,
                number(text, 65_536..=16_777_216),
            )
        },
        show: |config| config.plugin_string_bytes.to_string(),
    },
    Setting {
        key: "plugin_array_items",
        variable: "HERALD_PLUGIN_ARRAY_ITEMS",
        default: "600000",
        meaning: "Entries of all arrays in one value of a plugin (1000 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_array_items,
                number(text, 1_000..=1_000_000),
            )
        },
        show: |config| config.plugin_array_items.to_string(),
    },
    Setting {
        key: "plugin_map_items",
        variable: "HERALD_PLUGIN_MAP_ITEMS",
        default: "150000",
        meaning: "Entries of all maps in one value of a plugin (1000 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_map_items,
                number(text, 1_000..=1_000_000),
            )
        },
        show: |config| config.plugin_map_items.to_string(),
    },
    Setting {
        key: "plugin_variables",
        variable: "HERALD_PLUGIN_VARIABLES",
        default: "256",
        meaning: "Variables of one function of a plugin at one time (16 to 1024).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_variables, number(text, 16..=1_024)),
        show: |config| config.plugin_variables.to_string(),
    },
    Setting {
        key: "plugin_functions",
        variable: "HERALD_PLUGIN_FUNCTIONS",
        default: "256",
        meaning: "Functions that one plugin may define (16 to 1024).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_functions, number(text, 16..=1_024)),
        show: |config| config.plugin_functions.to_string(),
    },
    Setting {
        key: "plugin_output_bytes",
        variable: "HERALD_PLUGIN_OUTPUT_BYTES",
        default: "2097152",
        meaning: "Bytes of a body that a plugin makes (64 KiB to 16 MiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_output_bytes,
                number(text, 65_536..=16_777_216),
            )
        },
        show: |config| config.plugin_output_bytes.to_string(),
    },
    Setting {
        key: "plugin_log_lines",
        variable: "HERALD_PLUGIN_LOG_LINES",
        default: "100",
        meaning: "Lines that the plugins of one attempt may log (0 to 10000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_log_lines, number(text, 0..=10_000)),
        show: |config| config.plugin_log_lines.to_string(),
    },
    Setting {
        key: "plugin_log_bytes",
        variable: "HERALD_PLUGIN_LOG_BYTES",
        default: "16384",
        meaning: "Bytes of those lines (0 to 1 MiB).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_log_bytes, number(text, 0..=1_048_576)),
        show: |config| config.plugin_log_bytes.to_string(),
    },
    Setting {
        key: "plugin_failure_percent",
        variable: "HERALD_PLUGIN_FAILURE_PERCENT",
        default: "50",
        meaning: "Percent of a plugin's runs within a minute that fail (20 of them at least) and \
                  suspend it (1 to 100).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugin_failure_percent, number(text, 1..=100)),
        show: |config| config.plugin_failure_percent.to_string(),
    },
    Setting {
        key: "plugin_failure_time_percent",
        variable: "HERALD_PLUGIN_FAILURE_TIME_PERCENT",
        default: "5",
        meaning: "Percent of ten seconds that a plugin's failed runs take and suspend it \
                  (1 to 100).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugin_failure_time_percent,
                number(text, 1..=100),
            )
        },
        show: |config| config.plugin_failure_time_percent.to_string(),
    },
    Setting {
        key: "log",
        variable: "HERALD_LOG",
        default: "info,actix_server=warn",
        meaning: "Which log lines are written: a level (error, warn, info, debug, trace) or \
                  directives such as info,herald::transport=debug.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.log, log(text)),
        show: |config| config.log.clone(),
    },
    Setting {
        key: "log_format",
        variable: "HERALD_LOG_FORMAT",
        default: "text",
        meaning: "How a log line looks: text for people, json for machines.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.log_format, log_format(text)),
        show: |config| match config.log_format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        },
    },
];

pub(super) fn store<T>(field: &mut T, read: Result<T, String>) -> Result<(), String> {
    *field = read?;
    Ok(())
}

fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(text)
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error| {
        format!("`{text}` should be an IP address and a port, such as 127.0.0.1:8080: {error}")
    })
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

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(network)
        .collect()
}

fn network(entry: &str) -> Result<IpNet, String> {
    let read = entry
        .parse::<IpNet>()
        .ok()
        .or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
    match read {
        Some(network) if network.addr() == network.network() => Ok(network),
        Some(network) => Err(format!(
            "`{entry}` has bits set beyond its prefix: did you mean {}?",
            network.trunc()
        )),
        None => Err(format!(
            "`{entry}` should be a network such as 10.0.0.0/8 or fd00::/8"
        )),
    }
}

pub(super) fn number<T: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<T, String> {
    text.replace('_', "")
        .parse::<u64>()
        .ok()
        .filter(|value| range.contains(value))
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("`{text}` should be a whole number from {least} to {most}")
        })
}

fn log(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(not_empty(text)?) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("`{text}` is not a log filter: {error}")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("`{other}` should be text or json")),
    }
}
