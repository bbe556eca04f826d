//! What may change in the actors while they run, and how it reaches each of them.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;

use crate::actors::mail::Mails;
use crate::actors::plugins::Plugins;
use crate::actors::tell::tell;
use crate::actors::upkeep::housekeeper::{DailyTick, Housekeeper};
use crate::actors::upkeep::retention::Retention;
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};

/// Settings that take the place of those in force.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Which addresses targets may have.
    pub rules: AddressRules,
    /// What a script may use up.
    pub plugin_limits: Limits,
    /// When a script is suspended or moved to the isolated runner.
    pub plugin_rule: HealthRule,
    /// The way out for mails.
    pub mail: MailSettings,
    /// How long a target may fail before its account's admins get a mail.
    pub notice_after: Duration,
    /// How long what happened is kept.
    pub retention: Retention,
}

/// Handles of everything that the settings concern.
#[derive(Clone)]
pub(crate) struct Tuner {
    pub(crate) rules: Arc<Live<AddressRules>>,
    pub(crate) plugins: Plugins,
    pub(crate) mails: Mails,
    pub(crate) notice_after: Arc<Live<Duration>>,
    pub(crate) retention: Arc<Live<Retention>>,
    pub(crate) housekeeper: Addr<Housekeeper>,
}

impl Tuner {
    pub(crate) fn tune(&self, tuning: Tuning) {
        self.rules.set(tuning.rules);
        self.plugins.tune(tuning.plugin_limits, tuning.plugin_rule);
        self.mails.tune(tuning.mail);
        self.notice_after.set(tuning.notice_after);
        if *self.retention.get() != tuning.retention {
            self.retention.set(tuning.retention);
            tell(&self.housekeeper, DailyTick);
        }
    }
}
