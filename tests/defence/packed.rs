//! The socket option that keeps packed answers from waiting. They are written in several parts,
//! and without it the second part waits for the client's delayed acknowledgement of the first
//! (40 ms). The option is looked at in the daemon itself, because times depend on the machine.

use std::fs;
use std::net::TcpStream;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::support::{Herald, wait_for};

#[test]
fn what_the_daemon_accepts_sends_without_delay() {
    let herald = Herald::launch();
    let ours = TcpStream::connect(herald.client.address).unwrap();
    let pid = Pid::from_raw(herald.pid().try_into().unwrap()).unwrap();
    let daemon = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let theirs = wait_for("the daemon to accept", || {
        let files = fs::read_dir(format!("/proc/{}/fd", herald.pid())).unwrap();
        files.flatten().find_map(|file| {
            let number = file.file_name().to_str()?.parse().ok()?;
            let copy = pidfd_getfd(&daemon, number, PidfdGetfdFlags::empty()).ok()?;
            let stream = TcpStream::from(copy);
            (stream.peer_addr().ok()? == ours.local_addr().ok()?).then_some(stream)
        })
    });
    // It is accepted first, and handed to a thread that sets the option.
    wait_for("the option", || theirs.nodelay().unwrap().then_some(()));
}
