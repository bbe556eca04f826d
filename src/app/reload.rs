//! Reading the settings again while the daemon runs (SIGHUP): what can change then is put in
//! force everywhere, what cannot is named, and with a fault all stays as it was. The log, the
//! activity log and the service manager get a report.

use std::time::Duration;

use serde_json::{Value, json};

use super::address_rules;
use super::logging::LogFilter;
use super::manager;
use crate::actors::{Engine, Retention, Tuning};
use crate::config::Config;
use crate::domain::activity::{Actor, OwnActivity};
use crate::http::HttpRules;
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};
use crate::store::{Connection, StoreError, activity};

/// How long its record may take: the settings are in force before.
const RECORD: Duration = Duration::from_secs(5);

/// Knows what is in force, and who is notified of changes.
pub(super) struct Reloader {
    /// The settings of the start: what cannot change is still as they say.
    started: Config,
    /// The settings that were read last.
    last: Config,
    engine: Engine,
    rules: HttpRules,
    log: LogFilter,
    /// The ports to which no target may lead on this machine.
    guarded: Vec<u16>,
}

impl Reloader {
    pub(super) fn new(
        config: &Config,
        engine: Engine,
        rules: HttpRules,
        log: LogFilter,
        guarded: Vec<u16>,
    ) -> Self {
        Self {
            started: config.clone(),
            last: config.clone(),
            engine,
            rules,
            log,
            guarded,
        }
    }

    /// The settings in force, as far as they can change.
    pub(super) const fn config(&self) -> &Config {
        &self.last
    }

    /// Reads the settings again.
    pub(super) async fn reload(&mut self) {
        manager::reloading();
        let read = self.read();
        let (what, payload) = match read {
            Ok((config, mail)) => {
                let payload = self.take_over(config, mail);
                (OwnActivity::SettingsReloaded, payload)
            }
            Err(faults) => {
                for fault in &faults {
                    tracing::error!(fault, "a setting is wrong");
                }
                tracing::error!(
                    faults = faults.len(),
                    "the settings have faults: those before stay in force"
                );
                (OwnActivity::SettingsRefused, json!({ "faults": faults }))
            }
        };
        manager::ready();
        self.record(what, payload).await;
    }

    /// What the settings say now, with the files that they name.
    fn read(&self) -> Result<(Config, MailSettings), Vec<String>> {
        let config = Config::from_environment(self.started.file.as_deref()).map_err(|error| {
            let faults = error.faults.iter();
            faults.map(ToString::to_string).collect::<Vec<_>>()
        })?;
        let mail = MailSettings::from_config(&config.mail, &self.started.data_dir);
        let mail = mail.map_err(|error| vec![format!("{:#}", anyhow::Error::new(error))])?;
        Ok((config, mail))
    }

    /// Puts them in force. Returns what is reported of it: only keys, since a value may be secret.
    fn take_over(&mut self, config: Config, mail: MailSettings) -> Value {
        let waiting = changed(&self.started, &config, false);
        let changed = changed(&self.last, &config, true);
        for warning in &config.warnings {
            tracing::warn!(warning, "the settings that were read again need a look");
        }
        if let Err(error) = self.log.set(&config.log.filter) {
            tracing::error!(error = %format!("{error:#}"), "the log's filter stays as it was");
        }
        self.rules.change(&config);
        self.engine.database().set_bounds(config.accounts);
        self.engine.tune(Tuning {
            rules: address_rules(&config, self.guarded.clone()),
            plugin_limits: Limits::from_config(&config),
            plugin_rule: HealthRule::from_config(&config),
            mail,
            notice_after: Duration::from_secs(config.mail.notice_after_seconds),
            retention: Retention {
                logs: config.retention_days,
                activities: config.activity_retention_days,
                mails: config.mail.retention_days,
            },
        });
        self.last = config;
        tracing::info!(changed = changed.join(","), "the settings were read again");
        if !waiting.is_empty() {
            tracing::warn!(
                settings = waiting.join(","),
                "these settings take effect at the next start: restart Herald"
            );
        }
        json!({ "changed": changed, "at_next_start": waiting })
    }

    async fn record(&self, what: OwnActivity, payload: Value) {
        let file = self.started.file.as_ref();
        let file = file.map(|path| path.display().to_string());
        let record = async {
            let mut lent = self.engine.database().get().await?;
            let connection: &mut Connection = &mut lent;
            activity::note(connection, None, &Actor::Herald, what, file, Some(payload)).await
        };
        let recorded = match tokio::time::timeout(RECORD, record).await {
            Ok(recorded) => recorded,
            Err(_elapsed) => Err(StoreError::Away("it took over 5 s".to_owned())),
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "the reload of the settings is not in the activity log");
        }
    }
}

/// The keys of what differs, of those that can change at run time or of those that cannot.
fn changed(before: &Config, after: &Config, reloadable: bool) -> Vec<&'static str> {
    let pairs = before.describe().zip(after.describe());
    let differing = pairs.filter(|((setting, shown), (_, now))| match setting.key {
        // A secret is not shown, so that two of them look the same.
        "database_url" => before.database.url != after.database.url,
        "metrics_token" => before.http.metrics_token != after.http.metrics_token,
        _ => shown != now,
    });
    let keys = differing.map(|((setting, _), _)| setting);
    let keys = keys.filter(|setting| setting.is_reloadable() == reloadable);
    keys.map(|setting| setting.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(None, settings).unwrap()
    }

    #[test]
    fn what_changed_is_told_by_its_key_and_by_when_it_counts() {
        let before = config(&[
            ("HERALD_DATABASE_URL", "postgresql://a:one@db/herald"),
            ("HERALD_METRICS_TOKEN", "a-token-of-eighteen"),
        ]);
        let after = config(&[
            ("HERALD_DATABASE_URL", "postgresql://a:two@db/herald"),
            ("HERALD_LISTEN", "127.0.0.1:9"),
            ("HERALD_RETENTION_DAYS", "9"),
            ("HERALD_LOG", "debug"),
            ("HERALD_METRICS_TOKEN", "another-token-of-24-bytes"),
        ]);
        let changed_now = changed(&before, &after, true);
        assert_eq!(changed_now, ["metrics_token", "retention_days", "log"]);
        let at_start = changed(&before, &after, false);
        assert_eq!(at_start, ["listen", "database_url"]);
        assert_eq!(changed(&after, &after, true), [""; 0]);
    }
}
