//! A restart refuses, breaks and loses nothing while wrk publishes over kept connections.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::activated::Activated;
use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::{Herald, signal, wait_until};

/// Prints what wrk counted as JSON.
const SCRIPT: &str = r#"
wrk.method = "POST"
wrk.body = os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"answers":%d,"not_2xx":%d,"connect":%d,"read":%d,"write":%d,'
        .. '"timeout":%d,"max_ms":%.0f}\n', summary.requests, e.status, e.connect, e.read,
        e.write, e.timeout, latency.max / 1e3))
end
"#;

/// 64 kept connections that publish, until they are told to stop.
struct Wrk(Child);

impl Wrk {
    fn start(activated: &Activated, herald: &Herald) -> Self {
        let script = herald.folder.join("publish.lua");
        fs::File::create(&script)
            .unwrap()
            .write_all(SCRIPT.as_bytes())
            .unwrap();
        let child = Command::new("wrk")
            .args(["-t", "1", "-c", "64", "-d", "600", "-s"])
            .arg(&script)
            .arg(format!("http://{}/v1/events", activated.addresses[0]))
            .env("BODY", order(1).to_string())
            .env("TOKEN", &herald.admin_token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("wrk is installed");
        Self(child)
    }

    /// Ends it; answers what it counted.
    fn stop(self) -> Value {
        signal(self.0.id(), "INT");
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with('{')).unwrap();
        serde_json::from_str(line).unwrap()
    }
}

#[test]
fn restarts_by_the_socket_under_load_fail_no_request_and_lose_no_event() {
    const RESTARTS: usize = 5;
    const CONNECTIONS: i64 = 64;
    let mut herald = Herald::launch_with(&[("HERALD_MEMORY_BUDGET_BYTES", "268435456")]);
    let receiver = Receiver::start(&[]);
    let target = serde_json::json!({"max_in_flight": 64});
    herald.subscribe_with(&receiver.url, &["ORDER_*"], &target);
    herald.terminate();

    let activated = Activated::start(&herald, &["http"]);
    let events = || herald.count("select count(*) from event");
    let more = |than: i64| wait_until("more events", || events() >= than + 500);
    let wrk = Wrk::start(&activated, &herald);
    for _ in 0..RESTARTS {
        more(events());
        activated.restart();
    }
    more(events());
    let counted = wrk.stop();
    println!(
        "{counted}; ready after {:?} ms",
        activated.ready_ms().get(1..).unwrap()
    );
    for fault in ["not_2xx", "connect", "read", "write", "timeout"] {
        assert_eq!(counted[fault], 0, "{fault}: {counted}");
    }
    assert_eq!(activated.starts(), RESTARTS + 1);
    let log = activated.log();
    assert!(!log.contains("not everything ended in time"), "{log}");
    activated.finish();

    herald.spawn();
    let audit = herald.settled();
    let accepted = audit["accepted"].as_i64().unwrap();
    let answers = counted["answers"].as_i64().unwrap();
    // What wrk broke off itself may be stored.
    assert!(
        (answers..=answers + CONNECTIONS).contains(&accepted),
        "{answers} answers, {accepted} accepted"
    );
    assert_eq!(audit["sent"], audit["targets"], "{audit:#}");
    let received = receiver.answered();
    assert_eq!(received.len() as i64, accepted);
    let twice = received.values().filter(|times| **times > 1).count();
    assert_eq!(twice, 0, "{twice} came twice although nothing was cut off");
}
