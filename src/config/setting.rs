//! The table of settings: for each its key, variable, default, meaning, and how its text is
//! read and shown. What has a part of its own (`http`, `clients`, `accounts`, `database`, `plugin`,
//! `mail`, `log`) has its rows there; a new setting is one field and one row.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::IpNet;

use super::Config;

/// What a value is in the TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    List,
}

impl Kind {
    pub(super) fn with_article(self) -> &'static str {
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

/// All rows by what they are about, in the order in which they are shown.
pub(super) const GROUPS: &[(&str, &[Setting])] = &[
    ("HTTP", super::http::SETTINGS),
    ("Clients", super::clients::SETTINGS),
    ("Accounts", super::accounts::SETTINGS),
    ("Database", super::database::SETTINGS),
    ("Storage and delivery", CORE),
    ("Plugins", super::plugin::SETTINGS),
    ("Mail", super::mail::SETTINGS),
    ("Log", super::log::SETTINGS),
];

/// All rows, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|(_, settings)| *settings)
}

const CORE: &[Setting] = &[
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
        key: "key_file",
        variable: "HERALD_KEY_FILE",
        default: "",
        meaning: "The file with the keys that secrets are sealed with; not set: the credential \
                  herald.key, else key in data_dir, made at the first start.",
        kind: Kind::Text,
        set: |config, text| {
            config.key_file = (!text.is_empty()).then(|| PathBuf::from(text));
            Ok(())
        },
        show: |config| {
            let file = config.key_file.as_deref();
            file.map_or_else(String::new, |path| path.display().to_string())
        },
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
        key: "allow_ports",
        variable: "HERALD_ALLOW_PORTS",
        default: "",
        meaning: "Ports (comma-separated in the variable, a list in the file) that targets may use \
                  besides 443, those from 1024 on, and 80 inside allow_networks.",
        kind: Kind::List,
        set: |config, text| store(&mut config.allow_ports, ports(text)),
        show: |config| {
            let ports = config.allow_ports.iter().map(u16::to_string);
            ports.collect::<Vec<_>>().join(",")
        },
    },
    Setting {
        key: "delivery_workers",
        variable: "HERALD_DELIVERY_WORKERS",
        default: "0",
        meaning: "Threads that deliver (up to 256); 0: half of the cores.",
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
];

/// What can change while the daemon runs: its users ask for it each time, or are notified.
const RELOADABLE: &[&str] = &[
    "trusted_proxies",
    "allowed_hosts",
    "max_connections",
    "max_connections_per_address",
    "head_timeout_seconds",
    "body_timeout_seconds",
    "max_body_bytes",
    "idle_timeout_seconds",
    "min_bytes_per_second",
    "slow_client_seconds",
    "rate_limit_per_second",
    "rate_limit_burst",
    "account_event_types",
    "account_schema_bytes",
    "account_subscriptions",
    "account_tokens",
    "account_users",
    "account_activity_types",
    "account_idempotency_keys",
    "allow_networks",
    "allow_ports",
    "metrics_token",
    "retention_days",
    "activity_retention_days",
    "mail_retention_days",
    "drain_seconds",
    "log",
    "smtp_url",
    "mail_from",
    "smtp_credentials_file",
    "smtp_ca_file",
    "smtp_connections",
    "smtp_timeout_seconds",
    "notice_after_seconds",
    "plugin_deadline_ms",
    "plugin_operations",
    "plugin_memory_bytes",
    "plugin_call_levels",
    "plugin_expression_depth",
    "plugin_string_bytes",
    "plugin_array_items",
    "plugin_map_items",
    "plugin_variables",
    "plugin_functions",
    "plugin_output_bytes",
    "plugin_log_lines",
    "plugin_log_bytes",
    "plugin_failure_percent",
    "plugin_failure_time_percent",
];

impl Setting {
    /// Whether it can change while the daemon runs; else it takes effect at the next start.
    #[must_use]
    pub fn is_reloadable(&self) -> bool {
        RELOADABLE.contains(&self.key)
    }

    /// The kind of its value in the TOML file, for documents.
    #[cfg(test)]
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::List => "list",
        }
    }
}

pub(super) fn store<T>(field: &mut T, read: Result<T, String>) -> Result<(), String> {
    *field = read?;
    Ok(())
}

pub(super) fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(text)
    }
}

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(network)
        .collect()
}

fn ports(text: &str) -> Result<Vec<u16>, String> {
    let entries = text.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .map(|entry| number(entry, 1..=65_535))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_reloaded_is_a_setting() {
        for key in RELOADABLE {
            assert!(all().any(|setting| setting.key == *key), "{key}");
        }
        let left = all().filter(|setting| !setting.is_reloadable());
        assert_eq!(left.count() + RELOADABLE.len(), all().count());
    }
}
