//! What may change in the actors while they run, and how it reaches each of them.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;

use super::housekeeper::{DailyTick, Housekeeper};
use super::mail_log::Mails;
use super::plugins::Plugins;
use super::tell::tell;
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};

/// How long what happened is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days of events and attempts.
    pub logs: u32,
    /// Days of activities, to the end of their month.
    pub activities: u32,
    /// Days of mails, to the end of their month.
    pub mails: u32,
}

/// Settings that take the place of those in force.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Which addresses targets may have.
    pub rules: AddressRules,
    /// What a script may use up.
    pub plugin_limits: Limits,
    /// When a script is suspended or runs apart.
    pub plugin_rule: HealthRule,
    /// The way out for mails.
    pub mail: MailSettings,
    /// How long a target may fail before its account's admins are told.
    pub notice_after: Duration,
    /// How long what happened is kept.
    pub retention: Retention,
}

/// The ways to whom it concerns.
#[derive(Clone)]
pub(super) struct Tuner {
    pub(super) rules: Arc<Live<AddressRules>>,
    pub(super) plugins: Plugins,
    pub(super) mails: Mails,
    pub(super) notice_after: Arc<Live<Duration>>,
    pub(super) retention: Arc<Live<Retention>>,
    pub(super) housekeeper: Addr<Housekeeper>,
}

impl Tuner {
    pub(super) fn tune(&self, tuning: Tuning) {
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
