//! The service in the hands of systemd: reload, watchdog, restart.

use crate::installed::Installed;
use crate::load::{Load, Receiver, assert_unharmed};
use crate::machine::possible;
use crate::support::{wait_for, wait_until};

#[test]
fn a_reload_takes_good_settings_and_fails_visibly_for_bad_ones() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let machine = &herald.machine;
    let pid = herald.pid();
    let debug_lines = || {
        machine
            .sh("journalctl --no-pager -q -p debug..debug -u herald")
            .lines()
            .count()
    };
    assert_eq!(debug_lines(), 0);
    machine.sh("echo 'log = \"herald=debug\"' >>/etc/herald/herald.toml; systemctl reload herald");
    wait_until("the new level is in force", || {
        herald.publish();
        debug_lines() > 0
    });
    assert_eq!(herald.pid(), pid, "it is the same process");

    machine.sh("echo 'retention_days = 1' >>/etc/herald/herald.toml");
    let said = machine.try_sh("systemctl reload herald");
    assert!(!said.ok, "{}", said.all);
    let told = machine.told();
    assert!(told.contains("retention_days"), "{told}");
    assert_eq!(herald.pid(), pid);
    assert_eq!(herald.property("ActiveState"), "active");
    herald.publish();
}

#[test]
fn a_herald_that_stands_still_is_ended_by_the_watchdog_and_started_again() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let machine = &herald.machine;
    // As shipped but for the waiting: it need not take half a minute.
    machine.sh("mkdir -p /run/systemd/system/herald.service.d; \
         printf '[Service]\\nWatchdogSec=3\\nTimeoutAbortSec=1\\n' \
             >/run/systemd/system/herald.service.d/quick.conf; \
         systemctl daemon-reload; systemctl restart herald");
    let id = herald.publish();
    let pid = herald.pid();
    machine.sh(&format!("kill -STOP {pid}"));
    let next = wait_for("another process", || {
        let next = herald.pid();
        (next != pid && next != 0).then_some(next)
    });
    herald.wait_ready();
    assert_eq!(herald.pid(), next, "the new one stays");
    assert!(
        machine.told().contains("Watchdog timeout"),
        "{}",
        machine.told()
    );
    let token = &herald.token;
    machine.sh(&format!(
        "curl -fsS http://127.0.0.1:8080/v1/events/{id} -H 'Authorization: Bearer {token}'"
    ));
}

#[test]
fn restarts_under_load_refuse_no_request_and_lose_no_event() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let receiver = Receiver::start(&herald.machine);
    receiver.subscribe(&herald);
    let mut load = Load::start(&herald, 15);
    let mut restarts = 0;
    while load.runs() && restarts < 4 {
        // Each under load: what was accepted since the last one is the sign.
        let before = accepted(&herald);
        wait_until("the load reaches it", || accepted(&herald) > before);
        let pid = herald.pid();
        herald.machine.sh("systemctl restart herald");
        assert_ne!(herald.pid(), pid);
        restarts += 1;
    }
    let counted = load.end();
    println!("{restarts} restarts");
    assert!(restarts >= 2, "{restarts} restarts in 15 s");
    assert_unharmed(&[counted], &herald, &receiver, 0);
}

fn accepted(herald: &Installed) -> u64 {
    let audit = herald.machine.sh("herald audit --json");
    let audit: serde_json::Value = serde_json::from_str(&audit).unwrap();
    audit["accepted"].as_u64().unwrap()
}
