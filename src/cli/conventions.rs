//! What holds for every command: its exit codes, and the variables that are no settings. The help,
//! the manual pages and the reference say the same of it.

/// Exit codes, and what each means.
pub(super) const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Failed; standard error has the reason."),
    ("2", "Wrong usage."),
];

/// Commands that exit with 1 for what they found, and what that is.
pub(super) const FINDINGS: &[(&str, &str)] = &[
    ("audit", "a delivery is lost, or is in two places"),
    (
        "check-config",
        "a setting, or a file that it names, has a fault",
    ),
    ("doctor", "something would keep Herald from its work"),
    (
        "plugin check",
        "a script has a fault, or a test of it fails",
    ),
    ("plugin run", "the script failed"),
    ("publish", "an event was rejected"),
];

/// Variables that are no settings, and what each is for.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    (
        "HERALD_CONFIG",
        "The settings file, if --config does not name one.",
    ),
    (
        "HERALD_URL",
        "Where the commands over HTTP find the daemon; http://127.0.0.1:8080 if it is not set.",
    ),
    ("HERALD_TOKEN", "The token that they send."),
];
