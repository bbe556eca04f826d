//! The settings of what a client of the HTTP server may take up: connections, time, bytes and
//! requests.

use super::setting::{Kind, Setting, number, store};

/// Everything about clients' bounds that an operator can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientsConfig {
    /// Connections at one time.
    pub connections: usize,
    /// Connections at one time from one address, or from one network of IPv6.
    pub connections_per_address: usize,
    /// Seconds that the head of a request may take.
    pub head_seconds: u64,
    /// Seconds that the body of a request may take.
    pub body_seconds: u64,
    /// Bytes that the body of a request may have.
    pub body_bytes: usize,
    /// Seconds that a connection without a request is kept.
    pub idle_seconds: u64,
    /// The least speed of a client, in bytes a second.
    pub bytes_per_second: u64,
    /// Seconds that a client may be slower than that.
    pub slow_seconds: u64,
    /// Requests a second with one token; 0: any number.
    pub rate_limit: u32,
    /// Requests at once with one token; 0: as many as in a second.
    pub rate_burst: u32,
}

impl ClientsConfig {
    pub(super) const fn blank() -> Self {
        Self {
            connections: 0,
            connections_per_address: 0,
            head_seconds: 0,
            body_seconds: 0,
            body_bytes: 0,
            idle_seconds: 0,
            bytes_per_second: 0,
            slow_seconds: 0,
            rate_limit: 0,
            rate_burst: 0,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "max_connections",
        variable: "HERALD_MAX_CONNECTIONS",
        default: "4096",
        meaning: "Connections of clients at one time; one more takes the place of an idle one of \
                  the address with the most, or is refused if none is idle (8 to 100000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.connections, number(text, 8..=100_000)),
        show: |config| config.clients.connections.to_string(),
    },
    Setting {
        key: "max_connections_per_address",
        variable: "HERALD_MAX_CONNECTIONS_PER_ADDRESS",
        default: "1024",
        meaning: "Connections at one time from one IPv4 address or IPv6 network (/64); trusted \
                  proxies may have more (1 to 100000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.clients.connections_per_address,
                number(text, 1..=100_000),
            )
        },
        show: |config| config.clients.connections_per_address.to_string(),
    },
    Setting {
        key: "head_timeout_seconds",
        variable: "HERALD_HEAD_TIMEOUT_SECONDS",
        default: "10",
        meaning: "Seconds that the head of a request may take from its first byte (1 to 300).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.head_seconds, number(text, 1..=300)),
        show: |config| config.clients.head_seconds.to_string(),
    },
    Setting {
        key: "body_timeout_seconds",
        variable: "HERALD_BODY_TIMEOUT_SECONDS",
        default: "60",
        meaning: "Seconds that the body of a request may take, however fast it comes (1 to 3600).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.body_seconds, number(text, 1..=3_600)),
        show: |config| config.clients.body_seconds.to_string(),
    },
    Setting {
        key: "max_body_bytes",
        variable: "HERALD_MAX_BODY_BYTES",
        default: "16777216",
        meaning: "Bytes that the body of a request may have: a batch's; that of one event may \
                  never have more than 1 MiB (1 MiB to 64 MiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.clients.body_bytes,
                number(text, 1_048_576..=67_108_864),
            )
        },
        show: |config| config.clients.body_bytes.to_string(),
    },
    Setting {
        key: "idle_timeout_seconds",
        variable: "HERALD_IDLE_TIMEOUT_SECONDS",
        default: "75",
        meaning: "Seconds that a connection without a request is kept (1 to 3600).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.idle_seconds, number(text, 1..=3_600)),
        show: |config| config.clients.idle_seconds.to_string(),
    },
    Setting {
        key: "min_bytes_per_second",
        variable: "HERALD_MIN_BYTES_PER_SECOND",
        default: "1000",
        meaning: "The least speed at which a client must send a body and read an answer; a slower \
                  one is cut off after slow_client_seconds (1 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.clients.bytes_per_second,
                number(text, 1..=1_000_000),
            )
        },
        show: |config| config.clients.bytes_per_second.to_string(),
    },
    Setting {
        key: "slow_client_seconds",
        variable: "HERALD_SLOW_CLIENT_SECONDS",
        default: "15",
        meaning: "Seconds that a client may be slower than min_bytes_per_second (1 to 300).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.slow_seconds, number(text, 1..=300)),
        show: |config| config.clients.slow_seconds.to_string(),
    },
    Setting {
        key: "rate_limit_per_second",
        variable: "HERALD_RATE_LIMIT_PER_SECOND",
        default: "0",
        meaning: "Requests a second that may be made with one token, unless it has a limit of its \
                  own; 0: any number (up to 1000000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.rate_limit, number(text, 0..=1_000_000)),
        show: |config| config.clients.rate_limit.to_string(),
    },
    Setting {
        key: "rate_limit_burst",
        variable: "HERALD_RATE_LIMIT_BURST",
        default: "0",
        meaning: "Requests that may be made at once within rate_limit_per_second; 0: as many as \
                  in a second (up to 1000000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.clients.rate_burst, number(text, 0..=1_000_000)),
        show: |config| config.clients.rate_burst.to_string(),
    },
];
