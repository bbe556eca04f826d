//! The settings of how much one account may have.

use super::setting::{Kind, Setting, number, store};

/// What one account may have at most. Each account has the same bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountBounds {
    /// Own event types.
    pub event_types: u32,
    /// Bytes of the schemas of all of them.
    pub schema_bytes: u32,
    /// Subscriptions.
    pub subscriptions: u32,
    /// Tokens in force.
    pub tokens: u32,
    /// Users.
    pub users: u32,
    /// Activities that it added to the catalogue.
    pub activity_types: u32,
    /// Idempotency keys on one day (UTC).
    pub idempotency_keys: u32,
}

impl Default for AccountBounds {
    /// The settings' defaults, for those who read no settings.
    fn default() -> Self {
        let default = |key| {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            setting
                .and_then(|setting| setting.default.parse().ok())
                .unwrap_or(0)
        };
        Self {
            event_types: default("account_event_types"),
            schema_bytes: default("account_schema_bytes"),
            subscriptions: default("account_subscriptions"),
            tokens: default("account_tokens"),
            users: default("account_users"),
            activity_types: default("account_activity_types"),
            idempotency_keys: default("account_idempotency_keys"),
        }
    }
}

impl AccountBounds {
    pub(super) const fn blank() -> Self {
        Self {
            event_types: 0,
            schema_bytes: 0,
            subscriptions: 0,
            tokens: 0,
            users: 0,
            activity_types: 0,
            idempotency_keys: 0,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "account_event_types",
        variable: "HERALD_ACCOUNT_EVENT_TYPES",
        default: "500",
        meaning: "Own event types that an account may have (1 to 100000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.accounts.event_types, number(text, 1..=100_000)),
        show: |config| config.accounts.event_types.to_string(),
    },
    Setting {
        key: "account_schema_bytes",
        variable: "HERALD_ACCOUNT_SCHEMA_BYTES",
        default: "2097152",
        meaning: "Bytes of the schemas of all own event types of an account (64 KiB to 1 GiB).",
        kind: Kind::Number,
        set: |config, text| {
            let number = number(text, 65_536..=1_073_741_824);
            store(&mut config.accounts.schema_bytes, number)
        },
        show: |config| config.accounts.schema_bytes.to_string(),
    },
    Setting {
        key: "account_subscriptions",
        variable: "HERALD_ACCOUNT_SUBSCRIPTIONS",
        default: "10000",
        meaning: "Subscriptions that an account may have (1 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.accounts.subscriptions,
                number(text, 1..=1_000_000),
            )
        },
        show: |config| config.accounts.subscriptions.to_string(),
    },
    Setting {
        key: "account_tokens",
        variable: "HERALD_ACCOUNT_TOKENS",
        default: "500",
        meaning: "Tokens in force that an account may have (1 to 100000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.accounts.tokens, number(text, 1..=100_000)),
        show: |config| config.accounts.tokens.to_string(),
    },
    Setting {
        key: "account_users",
        variable: "HERALD_ACCOUNT_USERS",
        default: "500",
        meaning: "Users that an account may have (1 to 100000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.accounts.users, number(text, 1..=100_000)),
        show: |config| config.accounts.users.to_string(),
    },
    Setting {
        key: "account_activity_types",
        variable: "HERALD_ACCOUNT_ACTIVITY_TYPES",
        default: "1000",
        meaning: "Activities that an account may add to the catalogue (1 to 100000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.accounts.activity_types,
                number(text, 1..=100_000),
            )
        },
        show: |config| config.accounts.activity_types.to_string(),
    },
    Setting {
        key: "account_idempotency_keys",
        variable: "HERALD_ACCOUNT_IDEMPOTENCY_KEYS",
        default: "10000000",
        meaning: "Idempotency keys that an account may use on one day, by UTC (1 to 4000000000).",
        kind: Kind::Number,
        set: |config, text| {
            let number = number(text, 1..=4_000_000_000);
            store(&mut config.accounts.idempotency_keys, number)
        },
        show: |config| config.accounts.idempotency_keys.to_string(),
    },
];
