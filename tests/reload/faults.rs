//! A file with faults changes nothing, and is told of.

use super::{Desk, USUAL};
use crate::support::wait_until;

#[test]
fn a_file_with_faults_changes_nothing_and_is_told_with_line_and_column() {
    let desk = Desk::new(USUAL);
    let file = desk.file.display().to_string();
    let foreign = || {
        let host = [("host", "herald.internal")];
        desk.send("GET", "/sign-in", &host, b"").status
    };
    for (text, fault) in [
        (
            "allowed_hosts = [\"herald.internal\"]\nretention_days = 1\n",
            format!("{file}:2:18 retention_days: `1` should be a whole number"),
        ),
        (
            "allowed_hosts = [\"herald.internal\"]\nretention = 9\n",
            format!("{file}:2:1 retention: is not a setting of Herald"),
        ),
        (
            "allowed_hosts = [\"herald.internal\"\n",
            format!("{file}:1:"),
        ),
        (
            "allowed_hosts = [\"herald.internal\"]\nsmtp_url = \"smtps://a@localhost\"\n\
             smtp_credentials_file = \"/nowhere/at/all\"\n",
            "smtp_credentials_file names /nowhere/at/all, which cannot be read".to_owned(),
        ),
    ] {
        let record = desk.reload(text);
        assert_eq!(record["activity"], "Settings Refused", "{record}");
        assert!(record["payload"].to_string().contains(&fault), "{record}");
        let log = desk.log();
        assert!(
            log.lines()
                .any(|line| line.contains("ERROR") && line.contains(&fault)),
            "{log}"
        );
        assert_eq!(foreign(), 421, "nothing of it is in force");
    }
    // Once it is mended all of it is.
    desk.reload(&format!("{USUAL}allowed_hosts = [\"herald.internal\"]\n"));
    assert_eq!(foreign(), 200);
}

#[test]
fn a_record_holds_no_value_of_a_setting() {
    let desk = Desk::new(USUAL);
    let record = desk.reload(&format!("{USUAL}mail_from = \"hidden@example.com\"\n"));
    assert!(!record.to_string().contains("hidden"), "{record}");
}

#[test]
fn a_reload_while_the_database_is_away_is_in_force_and_told_in_the_log() {
    let desk = Desk::new(USUAL);
    let name = desk.sql("select current_database()").trim().to_owned();
    let other = desk.database_url.replace(&name, "postgres");
    let cut = format!("alter database \"{name}\" with allow_connections false");
    crate::support::psql(&other, &cut);
    let end =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    crate::support::psql(&other, &end);
    desk.write(&format!("{USUAL}allowed_hosts = [\"herald.internal\"]\n"));
    desk.signal("HUP");
    wait_until("the new host to be answered", || {
        let host = [("host", "herald.internal")];
        desk.send("GET", "/reset", &host, b"").status != 421
    });
    wait_until("the log to say that it is not recorded", || {
        desk.log()
            .contains("the reload of the settings is not in the activity log")
    });
    crate::support::psql(&other, &cut.replace("false", "true"));
}
