//! From one version of the package to the next one, by the documented steps and under load.

use crate::guide::Guide;
use crate::installed::{Installed, next_package};
use crate::load::{Load, Receiver, assert_unharmed};
use crate::machine::possible;

#[test]
fn the_documented_upgrade_under_load_refuses_no_request_and_loses_no_event() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let folder = tempfile::tempdir().unwrap();
    let next = next_package(folder.path());
    let receiver = Receiver::start(&herald.machine);
    receiver.subscribe(&herald);
    let pid = herald.pid();
    herald.machine.sh("rm herald_*.deb");
    herald.machine.bring(&next);
    let mut load = Load::start(&herald, 20);
    Guide::read().run(&herald.machine, "upgrade", "Upgrade");
    assert!(load.runs(), "the load ended before the upgrade");
    assert_ne!(herald.pid(), pid, "the new version runs");
    let program = herald
        .machine
        .sh("readlink /proc/$(systemctl show --value -p MainPID herald)/exe");
    assert_eq!(program, "/usr/bin/herald\n");
    let version = herald.machine.sh("dpkg-query -W -f '${Version}' herald");
    assert!(version.ends_with("-1.1"), "{version}");
    assert_unharmed(&[load.end()], &herald, &receiver, 0);
}
