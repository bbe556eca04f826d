//! The service manager hears of a reload.

use std::os::unix::net::UnixDatagram;

use super::{Desk, USUAL};
use crate::support::PATIENCE;

#[test]
fn the_service_manager_hears_when_the_reload_begins_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut text = [0; 4_096];
        let bytes = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..bytes]).into_owned()
    };
    // Beside it the watchdog is told that all is well.
    let telling = |what: &str| {
        loop {
            let text = next();
            if text.lines().any(|line| line == what) {
                return text;
            }
        }
    };
    let desk = Desk::with(USUAL, &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    telling("READY=1");
    for text in [format!("{USUAL}retention_days = 31\n"), "broken".to_owned()] {
        desk.write(&text);
        desk.signal("HUP");
        let begun = telling("RELOADING=1");
        assert!(begun.contains("MONOTONIC_USEC="), "{begun}");
        telling("READY=1");
    }
}
