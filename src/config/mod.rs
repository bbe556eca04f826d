//! Typed settings: embedded defaults, then a TOML file, then credentials, then the environment (the
//! later wins).
//! This is the only place that reads the environment. It must not know what a setting is used
//! for beyond the range that makes it valid.

mod accounts;
mod clients;
mod credentials;
mod database;
mod example;
mod file;
mod http;
mod key_file;
mod live;
mod log;
mod mail;
mod plugin;
mod service;
mod setting;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

pub use accounts::AccountBounds;
pub use clients::ClientsConfig;
pub use database::DatabaseConfig;
pub use example::example_file;
pub use http::{HttpConfig, reachable};
pub use key_file::{KeyFile, KeyFileError};
pub use live::Live;
pub use log::{LogConfig, LogFormat};
pub use mail::{MailConfig, SmtpServer, SmtpTls};
pub use plugin::PluginConfig;
pub use service::ServiceManager;
pub use setting::Setting;

/// Everything that an operator can set, judged and complete.
///
/// `Debug` shows no password: it prints what [`Config::describe`] prints.
#[derive(Clone)]
pub struct Config {
    /// The HTTP server.
    pub http: HttpConfig,
    /// What its clients may take up.
    pub clients: ClientsConfig,
    /// What one account may have.
    pub accounts: AccountBounds,
    /// The database.
    pub database: DatabaseConfig,
    /// The log.
    pub log: LogConfig,
    /// Plugins.
    pub plugins: PluginConfig,
    /// The folder that holds what Herald keeps outside the database.
    pub data_dir: PathBuf,
    /// The key file, if another one than usual; see [`KeyFile::of`].
    pub key_file: Option<PathBuf>,
    /// Networks that targets may use though they are forbidden by default.
    pub allow_networks: Vec<IpNet>,
    /// Ports that targets may use besides 443 and those from 1024 on.
    pub allow_ports: Vec<u16>,
    /// Threads that deliver, at least 1 (the automatic choice is already made).
    pub delivery_workers: usize,
    /// Bytes of committed events held in memory before they overflow to the database.
    pub memory_budget_bytes: usize,
    /// Seconds that a daemon's lease on its lane lasts without a renewal.
    pub lease_ttl_seconds: u64,
    /// Days that events and attempts are kept.
    pub retention_days: u32,
    /// Days that activities are kept, to the end of their month.
    pub activity_retention_days: u32,
    /// Seconds that a stopping daemon gives to what is in flight.
    pub drain_seconds: u64,
    /// Outgoing mail.
    pub mail: MailConfig,
    /// Where each setting that is not at its default was found: `file:line:column`, the file of
    /// a credential, or the variable.
    sources: BTreeMap<&'static str, String>,
    /// The folder with credentials, if there is one.
    pub credentials_dir: Option<PathBuf>,
    /// What the service manager passed to this process; no setting.
    pub service_manager: ServiceManager,
    /// The TOML file that was read, if any.
    pub file: Option<PathBuf>,
    /// What did not stop the start but should be looked at, one sentence each.
    pub warnings: Vec<String>,
}

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// `file:line:column key`, `file:line:column`, `file` or the environment variable.
    pub where_: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.where_, self.detail)
    }
}

/// All that is wrong with the settings, at once; `Display` writes one line for each fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The faults: those of the file first, by line, then those of the environment, by name.
    pub faults: Vec<ConfigFault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// Variables that belong to the command-line clients, to the tests or to parts of Herald that
/// are not settings of the daemon's core: they are passed over in silence.
const FOREIGN: [&str; 4] = [
    "HERALD_ADMIN_EMAIL",
    "HERALD_CONFIG",
    "HERALD_TOKEN",
    "HERALD_URL",
];
/// The variable by which systemd names the folder with the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const FOREIGN_PREFIX: &str = "HERALD_TEST_";

/// Where an installed Herald has its settings, so that commands on the same machine find what the
/// daemon was started with.
const INSTALLED: Fallback = Fallback {
    file: Some("/etc/herald/herald.toml"),
    credentials: Some("/etc/herald/credentials"),
};

/// What is read where neither an argument nor the environment names it, if it is there.
#[derive(Clone, Copy)]
struct Fallback {
    file: Option<&'static str>,
    credentials: Option<&'static str>,
}

impl Fallback {
    const NONE: Self = Self {
        file: None,
        credentials: None,
    };
}

impl Config {
    /// Reads the settings of this process: `file`, else the file that `HERALD_CONFIG` names, else
    /// (where that is not set at all) `/etc/herald/herald.toml` if it is there; then the
    /// credentials in `$CREDENTIALS_DIRECTORY`, else in `/etc/herald/credentials` if this user
    /// may look into it; then the environment.
    ///
    /// # Errors
    /// Every fault of the file and of the environment at once.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment, so that all settings pass the table"
    )]
    pub fn from_environment(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_os(file, std::env::vars_os(), INSTALLED)
    }

    /// Builds the settings from `file`, else the file that `HERALD_CONFIG` in `environment`
    /// names, then the credentials that it names, then its `HERALD_*` variables.
    ///
    /// # Errors
    /// Every fault of the file and of the environment at once.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::load_os(
            file,
            environment.map(|(name, value)| (name.into(), value.into())),
            Fallback::NONE,
        )
    }

    fn load_os(
        file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
        fallback: Fallback,
    ) -> Result<Self, ConfigError> {
        let mut variables: Vec<(String, OsString)> = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| {
                let beside = name == CREDENTIALS || service::VARIABLES.contains(&name.as_str());
                beside || name.starts_with("HERALD_")
            })
            .collect();
        variables.sort();
        let mut config = Self::blank();
        config.file = file
            .map(Path::to_path_buf)
            .or_else(|| place(&variables, "HERALD_CONFIG", fallback.file));
        config.credentials_dir = place(&variables, CREDENTIALS, fallback.credentials);
        config.service_manager = ServiceManager::from_variables(&variables);
        variables.retain(|(name, _)| name.starts_with("HERALD_"));
        let mut faults = Vec::new();
        for setting in setting::all() {
            if let Err(detail) = (setting.set)(&mut config, setting.default) {
                let where_ = format!("the built-in default of {}", setting.key);
                faults.push(ConfigFault { where_, detail });
            }
        }
        if let Some(path) = config.file.clone() {
            faults.extend(file::apply(&mut config, &path));
        }
        if let Some(folder) = config.credentials_dir.clone() {
            faults.extend(credentials::apply(&mut config, &folder));
            if config.mail.credentials_file.is_none() {
                config.mail.credentials_file = config.credential("smtp_credentials");
                if let Some(path) = &config.mail.credentials_file {
                    let source = path.display().to_string();
                    config.sources.insert("smtp_credentials_file", source);
                }
            }
        }
        faults.extend(apply_environment(&mut config, variables));
        if !faults.is_empty() {
            return Err(ConfigError { faults });
        }
        let automatic = half_of_the_cores();
        for workers in [&mut config.http.workers, &mut config.delivery_workers] {
            if *workers == 0 {
                *workers = automatic;
            }
        }
        Ok(config)
    }

    /// Where a setting was found, as a fault would name it; none: it is at its default.
    #[must_use]
    pub fn source(&self, key: &str) -> Option<&str> {
        self.sources.get(key).map(String::as_str)
    }

    /// The file of a credential of that name, if there is one.
    #[must_use]
    pub fn credential(&self, name: &str) -> Option<PathBuf> {
        credentials::find(self.credentials_dir.as_deref()?, name)
    }

    /// The address under which browsers reach a Herald that listens there, without a slash at
    /// its end.
    #[must_use]
    pub fn base_address(&self, listen: SocketAddr) -> String {
        let listened = || format!("http://{}", reachable(listen));
        self.http.public_url.clone().unwrap_or_else(listened)
    }

    /// The value in force of every setting, as text without passwords, in the table's order.
    pub fn describe(&self) -> impl Iterator<Item = (&'static Setting, String)> + '_ {
        setting::all().map(|setting| (setting, (setting.show)(self)))
    }

    /// The state before the defaults of the table are applied; none of it is ever used.
    fn blank() -> Self {
        Self {
            http: HttpConfig::blank(),
            clients: ClientsConfig::blank(),
            accounts: AccountBounds::blank(),
            database: DatabaseConfig::blank(),
            log: LogConfig::blank(),
            plugins: PluginConfig::blank(),
            data_dir: PathBuf::new(),
            key_file: None,
            allow_networks: Vec::new(),
            allow_ports: Vec::new(),
            delivery_workers: 0,
            memory_budget_bytes: 0,
            lease_ttl_seconds: 0,
            retention_days: 0,
            activity_retention_days: 0,
            drain_seconds: 0,
            mail: MailConfig::blank(),
            sources: BTreeMap::new(),
            credentials_dir: None,
            service_manager: ServiceManager::default(),
            file: None,
            warnings: Vec::new(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.describe().map(|(setting, value)| (setting.key, value)))
            .finish()
    }
}

impl ServiceManager {
    /// What the environment of this process says.
    #[allow(
        clippy::disallowed_methods,
        reason = "no setting, and wanted also where the settings cannot be read"
    )]
    #[must_use]
    pub fn of_this_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect::<Vec<_>>();
        Self::from_variables(&variables)
    }
}

/// Every setting there is, for documents and for `herald check-config`.
pub fn describe() -> impl Iterator<Item = &'static Setting> {
    setting::all()
}

/// The same by what they are about, each group under its heading.
#[cfg(test)]
#[must_use]
pub const fn groups() -> &'static [(&'static str, &'static [Setting])] {
    setting::GROUPS
}

/// What a variable names; where it is not set at all, the fallback if it is there.
fn place(
    variables: &[(String, OsString)],
    variable: &str,
    fallback: Option<&str>,
) -> Option<PathBuf> {
    match variables.iter().find(|(name, _)| name == variable) {
        Some((_, value)) => Some(PathBuf::from(value)).filter(|it| !it.as_os_str().is_empty()),
        None => fallback.map(PathBuf::from).filter(|it| it.exists()),
    }
}

fn apply_environment(config: &mut Config, variables: Vec<(String, OsString)>) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    for (name, value) in variables {
        let Some(setting) = setting::all().find(|setting| setting.variable == name) else {
            if !FOREIGN.contains(&name.as_str()) && !name.starts_with(FOREIGN_PREFIX) {
                let known = setting::all().map(|setting| setting.variable);
                let hint = did_you_mean(&name, known);
                config
                    .warnings
                    .push(format!("{name} is not a setting of Herald{hint}"));
            }
            continue;
        };
        let judged = match value.to_str() {
            Some(text) => (setting.set)(config, text),
            None => Err("is not valid UTF-8".to_owned()),
        };
        match judged {
            Ok(()) => {
                config.sources.insert(setting.key, name);
            }
            Err(detail) => faults.push(ConfigFault {
                where_: name,
                detail,
            }),
        }
    }
    faults
}

/// `; did you mean X?` for the nearest known name, or nothing when none is near.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    near.map_or_else(String::new, |(_, candidate)| {
        format!("; did you mean {candidate}?")
    })
}

fn half_of_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

#[cfg(test)]
mod tests;
