//! The settings of the log: which lines are written, and how they look.

use tracing_subscriber::EnvFilter;

use super::setting::{Kind, Setting, not_empty, store};

/// Everything about log lines that an operator can set.
#[derive(Clone)]
pub struct LogConfig {
    /// Which log lines are written: directives as tracing's `EnvFilter` reads them.
    pub filter: String,
    /// How a log line looks.
    pub format: LogFormat,
}

impl LogConfig {
    pub(super) const fn blank() -> Self {
        Self {
            filter: String::new(),
            format: LogFormat::Text,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; as `Journal` where standard error leads to the journal.
    Text,
    /// For systemd's journal: each line has its level as `<N>` before it and no time of its own.
    Journal,
    /// One JSON object a line, for machines.
    Json,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "log",
        variable: "HERALD_LOG",
        default: "info,actix_server=warn",
        meaning: "Which log lines are written: a level (error, warn, info, debug, trace) or \
                  directives such as info,herald::transport=debug.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.log.filter, log(text)),
        show: |config| config.log.filter.clone(),
    },
    Setting {
        key: "log_format",
        variable: "HERALD_LOG_FORMAT",
        default: "text",
        meaning: "How a log line looks: text for people, json for machines, journal as systemd's \
                  journal reads it (what text is by itself where the journal is).",
        kind: Kind::Text,
        set: |config, text| store(&mut config.log.format, log_format(text)),
        show: |config| match config.log.format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Journal => "journal".to_owned(),
            LogFormat::Json => "json".to_owned(),
        },
    },
];

fn log(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(not_empty(text)?) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("`{text}` is not a log filter: {error}")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "journal" => Ok(LogFormat::Journal),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("`{other}` should be text, journal or json")),
    }
}
