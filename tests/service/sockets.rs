//! Sockets that a service manager hands over: which is for what, and what is refused.

use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

use crate::activated::Activated;
use crate::support::Herald;
use crate::support::client::Client;

#[test]
fn sockets_have_the_role_of_their_name() {
    let mut herald = Herald::launch();
    herald.terminate();
    let activated = Activated::start(&herald, &["http", "metrics", "pages"]);
    let status = |socket: usize, path: &str| {
        let client = Client {
            address: activated.addresses[socket],
            ..activated.client.clone()
        };
        client.get(path).status
    };
    for (path, served) in [
        ("/v1/events", [200, 404, 404]),
        ("/metrics", [404, 200, 404]),
        ("/healthz", [200, 200, 200]),
        ("/readyz", [200, 200, 200]),
    ] {
        assert_eq!(
            [0, 1, 2].map(|socket| status(socket, path)),
            served,
            "{path}"
        );
    }
    assert_eq!(status(0, "/sign-in"), 404);
    let pages = Client {
        address: activated.addresses[2],
        token: None,
        account: None,
    };
    assert_eq!(pages.get("/sign-in").status, 200);
    activated.finish();
}

#[test]
fn a_setting_that_the_socket_overrules_is_told() {
    let mut herald = Herald::launch();
    herald.terminate();
    herald.set("HERALD_LISTEN", "127.0.0.1:1");
    let activated = Activated::start(&herald, &["herald.socket"]);
    let log = activated.log();
    assert!(log.contains("listen=127.0.0.1:1"), "{log}");
    assert!(log.contains("systemctl edit herald.socket"), "{log}");
    activated.client.get("/v1/events").expect(200);
    activated.finish();
}

/// Runs a daemon that must refuse its one socket, handed over as standard input.
fn refused(herald: &Herald, socket: OwnedFd, names: &str, number: usize) -> String {
    let daemon = herald.command();
    let mut command = Command::new("sh");
    command.envs(
        daemon
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let Output { status, stderr, .. } = command
        .args(["-c", "exec 3<&0 4<&0; LISTEN_PID=$$ exec \"$0\" serve"])
        .arg(daemon.get_program())
        .env("LISTEN_FDS", number.to_string())
        .env("LISTEN_FDNAMES", names)
        .stdin(Stdio::from(socket))
        .output()
        .unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    told
}

#[test]
fn sockets_that_cannot_be_used_are_refused_with_what_to_do() {
    let mut herald = Herald::launch();
    herald.terminate();
    let tcp = || OwnedFd::from(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let told = refused(&herald, tcp(), "http:web", 2);
    assert!(told.contains("number 2 has the name `web`"), "{told}");
    assert!(told.contains("FileDescriptorName="), "{told}");
    let path = herald.folder.join("socket");
    let unix = std::os::unix::net::UnixListener::bind(path).unwrap();
    let told = refused(&herald, OwnedFd::from(unix), "http", 1);
    assert!(told.contains("ListenStream=ADDRESS:PORT"), "{told}");
}
