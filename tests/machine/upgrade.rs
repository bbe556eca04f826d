//! From one version of the package to the next one, under load.

use crate::installed::{Installed, install, next_package};
use crate::load::{Load, Receiver, assert_unharmed};
use crate::machine::possible;

#[test]
fn an_upgrade_under_load_refuses_no_request_and_loses_no_event() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let folder = tempfile::tempdir().unwrap();
    let next = next_package(folder.path());
    let receiver = Receiver::start(&herald.machine);
    receiver.subscribe(&herald);
    let pid = herald.pid();
    let mut load = Load::start(&herald, 15);
    let said = install(&herald.machine, &next);
    assert!(said.ok, "{}", said.all);
    assert!(load.runs(), "the load ended before the upgrade");
    assert_ne!(herald.pid(), pid, "the new version runs");
    let program = herald
        .machine
        .sh("readlink /proc/$(systemctl show --value -p MainPID herald)/exe");
    assert_eq!(program, "/usr/bin/herald\n");
    let version = herald.machine.sh("dpkg-query -W -f '${Version}' herald");
    assert!(version.ends_with("-1.1"), "{version}");
    assert_unharmed(&load.end(), &herald, &receiver);
    // A second one finds nothing to do and does no harm.
    let said = install(&herald.machine, &next);
    assert!(said.ok, "{}", said.all);
    herald.wait_ready();
}
