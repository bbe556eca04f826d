//! What holds for every command: its exit codes, and the variables that are no settings. The help,
//! the manual pages and the reference say the same of it.

/// Exit codes, and what each means.
pub(super) const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Failed; standard error has the reason."),
    ("2", "Wrong usage."),
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
