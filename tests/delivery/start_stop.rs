//! Starting and stopping: what keeps a daemon from it is told in plain words.

use std::net::TcpListener;
use std::process::Command;

use crate::support::{Herald, folder};

/// Runs a daemon that must refuse to start; answers what it wrote.
fn refused(mut serve: Command) -> String {
    let output = serve.arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused_in_plain_words() {
    let mut herald = Herald::launch();
    let mut second = herald.command();
    second.env("HERALD_LISTEN", "127.0.0.1:0");
    let told = refused(second);
    println!("{told}");
    assert!(
        told.contains("another Herald works on the data folder"),
        "{told}"
    );
    assert!(told.contains(herald.folder.to_str().unwrap()), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    herald.get("/v1/events").expect(200);
    herald.terminate();
    herald.spawn();
    herald.get("/v1/events").expect(200);
    herald.terminate();
}

#[test]
fn a_port_in_use_is_told_in_plain_words() {
    let herald = Herald::launch();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let elsewhere = folder();
    let mut second = herald.command();
    second
        .env("HERALD_LISTEN", &address)
        .env("HERALD_DATA_DIR", &elsewhere);
    let told = refused(second);
    println!("{told}");
    for words in [&*address, "HERALD_LISTEN", "in use"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    std::fs::remove_dir_all(elsewhere).unwrap();
}
