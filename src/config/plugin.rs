//! The settings of plugins: their folder, and what a script may use up.

use std::path::PathBuf;

use super::setting::{Kind, Setting, not_empty, number, store};

/// Everything about plugins that an operator can set.
#[derive(Clone)]
pub struct PluginConfig {
    /// The folder that holds the scripts; it need not exist.
    pub dir: PathBuf,
    /// Milliseconds of processor time that one script may take for one attempt.
    pub deadline_ms: u64,
    /// Operations that one script may use for one attempt.
    pub operations: u64,
    /// Bytes that the process may grow by while one script runs.
    pub memory_bytes: u64,
    /// Functions of a script that may call each other.
    pub call_levels: usize,
    /// Expressions of a script inside each other.
    pub expression_depth: usize,
    /// Bytes of all texts in one value of a script.
    pub string_bytes: usize,
    /// Entries of all arrays in one value of a script.
    pub array_items: usize,
    /// Entries of all maps in one value of a script.
    pub map_items: usize,
    /// Variables of one function of a script at one time.
    pub variables: usize,
    /// Functions that one script may define.
    pub functions: usize,
    /// Bytes of a body that a script makes.
    pub output_bytes: usize,
    /// Lines that the scripts of one attempt may log.
    pub log_lines: usize,
    /// Bytes of those lines.
    pub log_bytes: usize,
    /// The share of its runs, in percent, that may fail before a script is suspended.
    pub failure_percent: u8,
    /// The share of a thread's time, in percent, that a script's failed runs may take.
    pub failure_time_percent: u8,
}

impl PluginConfig {
    pub(super) const fn blank() -> Self {
        Self {
            dir: PathBuf::new(),
            deadline_ms: 0,
            operations: 0,
            memory_bytes: 0,
            call_levels: 0,
            expression_depth: 0,
            string_bytes: 0,
            array_items: 0,
            map_items: 0,
            variables: 0,
            functions: 0,
            output_bytes: 0,
            log_lines: 0,
            log_bytes: 0,
            failure_percent: 0,
            failure_time_percent: 0,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "plugins_dir",
        variable: "HERALD_PLUGINS_DIR",
        default: "/etc/herald/plugins",
        meaning: "The folder with the scripts that filter and transform; it need not exist.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.plugins.dir, not_empty(text).map(PathBuf::from)),
        show: |config| config.plugins.dir.display().to_string(),
    },
    Setting {
        key: "plugin_deadline_ms",
        variable: "HERALD_PLUGIN_DEADLINE_MS",
        default: "50",
        meaning: "Milliseconds of processor time that a plugin may take for one attempt \
                  (10 to 1000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.deadline_ms, number(text, 10..=1_000)),
        show: |config| config.plugins.deadline_ms.to_string(),
    },
    Setting {
        key: "plugin_operations",
        variable: "HERALD_PLUGIN_OPERATIONS",
        default: "1000000",
        meaning: "Operations that a plugin may use for one attempt (1000 to 1000000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.operations,
                number(text, 1_000..=1_000_000_000),
            )
        },
        show: |config| config.plugins.operations.to_string(),
    },
    Setting {
        key: "plugin_memory_bytes",
        variable: "HERALD_PLUGIN_MEMORY_BYTES",
        default: "67108864",
        meaning: "Bytes that the process may grow by while a plugin runs (16 MiB to 4 GiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.memory_bytes,
                number(text, 16_777_216..=4_294_967_296),
            )
        },
        show: |config| config.plugins.memory_bytes.to_string(),
    },
    Setting {
        key: "plugin_call_levels",
        variable: "HERALD_PLUGIN_CALL_LEVELS",
        default: "32",
        meaning: "Functions of a plugin that may call each other (4 to 128).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.call_levels, number(text, 4..=128)),
        show: |config| config.plugins.call_levels.to_string(),
    },
    Setting {
        key: "plugin_expression_depth",
        variable: "HERALD_PLUGIN_EXPRESSION_DEPTH",
        default: "64",
        meaning: "Expressions of a plugin inside each other (16 to 256).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.expression_depth, number(text, 16..=256)),
        show: |config| config.plugins.expression_depth.to_string(),
    },
    Setting {
        key: "plugin_string_bytes",
        variable: "HERALD_PLUGIN_STRING_BYTES",
        default: "2097152",
        meaning: "Bytes of all texts in one value of a plugin (64 KiB to 16 MiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.string_bytes,
                number(text, 65_536..=16_777_216),
            )
        },
        show: |config| config.plugins.string_bytes.to_string(),
    },
    Setting {
        key: "plugin_array_items",
        variable: "HERALD_PLUGIN_ARRAY_ITEMS",
        default: "600000",
        meaning: "Entries of all arrays in one value of a plugin (1000 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.array_items,
                number(text, 1_000..=1_000_000),
            )
        },
        show: |config| config.plugins.array_items.to_string(),
    },
    Setting {
        key: "plugin_map_items",
        variable: "HERALD_PLUGIN_MAP_ITEMS",
        default: "150000",
        meaning: "Entries of all maps in one value of a plugin (1000 to 1000000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.map_items,
                number(text, 1_000..=1_000_000),
            )
        },
        show: |config| config.plugins.map_items.to_string(),
    },
    Setting {
        key: "plugin_variables",
        variable: "HERALD_PLUGIN_VARIABLES",
        default: "256",
        meaning: "Variables of one function of a plugin at one time (16 to 1024).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.variables, number(text, 16..=1_024)),
        show: |config| config.plugins.variables.to_string(),
    },
    Setting {
        key: "plugin_functions",
        variable: "HERALD_PLUGIN_FUNCTIONS",
        default: "256",
        meaning: "Functions that one plugin may define (16 to 1024).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.functions, number(text, 16..=1_024)),
        show: |config| config.plugins.functions.to_string(),
    },
    Setting {
        key: "plugin_output_bytes",
        variable: "HERALD_PLUGIN_OUTPUT_BYTES",
        default: "2097152",
        meaning: "Bytes of a body that a plugin makes (64 KiB to 16 MiB).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.output_bytes,
                number(text, 65_536..=16_777_216),
            )
        },
        show: |config| config.plugins.output_bytes.to_string(),
    },
    Setting {
        key: "plugin_log_lines",
        variable: "HERALD_PLUGIN_LOG_LINES",
        default: "100",
        meaning: "Lines that the plugins of one attempt may log (0 to 10000).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.log_lines, number(text, 0..=10_000)),
        show: |config| config.plugins.log_lines.to_string(),
    },
    Setting {
        key: "plugin_log_bytes",
        variable: "HERALD_PLUGIN_LOG_BYTES",
        default: "16384",
        meaning: "Bytes of those lines (0 to 1 MiB).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.log_bytes, number(text, 0..=1_048_576)),
        show: |config| config.plugins.log_bytes.to_string(),
    },
    Setting {
        key: "plugin_failure_percent",
        variable: "HERALD_PLUGIN_FAILURE_PERCENT",
        default: "50",
        meaning: "A plugin is suspended when this percentage of its runs within a minute fail, 20 \
                  of them at least (1 to 100).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.plugins.failure_percent, number(text, 1..=100)),
        show: |config| config.plugins.failure_percent.to_string(),
    },
    Setting {
        key: "plugin_failure_time_percent",
        variable: "HERALD_PLUGIN_FAILURE_TIME_PERCENT",
        default: "5",
        meaning: "A plugin is suspended when its failed runs take this percentage of ten seconds \
                  (1 to 100).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.plugins.failure_time_percent,
                number(text, 1..=100),
            )
        },
        show: |config| config.plugins.failure_time_percent.to_string(),
    },
];
