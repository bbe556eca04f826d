//! Hosts with several addresses, one of them silent; and the addresses of this machine itself.
//! What needs a name or an address that the machine lacks runs in a namespace of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{order, text};
use crate::support::scripted::Scripted;
use crate::support::{Herald, folder};

/// An address whose queue is full, so that the system drops what connects.
struct Silent {
    _listener: tokio::net::TcpListener,
    _filling: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl Silent {
    /// None: the machine has no such address.
    fn new(address: SocketAddr) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v6().ok()?;
            socket.bind(address).ok()?;
            socket.listen(0).ok()
        })?;
        let address = listener.local_addr().unwrap();
        let within = Duration::from_millis(100);
        let fill = || TcpStream::connect_timeout(&address, within).ok();
        Some(Self {
            _filling: std::iter::from_fn(fill).collect(),
            _listener: listener,
            _runtime: runtime,
        })
    }
}

/// A process that ends with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `unshare`, if this machine permits it: root does, and an ordinary user where the system lets
/// it be root in a namespace.
fn unshare(namespace: &str) -> Option<Command> {
    let root = rustix::process::geteuid().is_root();
    let option = if root {
        format!("-{namespace}")
    } else {
        format!("-r{namespace}")
    };
    let unshare = || {
        let mut command = Command::new("unshare");
        command.arg(&option).stdin(Stdio::null());
        command
    };
    let works = unshare().arg("true").stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        println!("left out: this machine permits no namespaces");
        return None;
    }
    Some(unshare())
}

/// Lends a daemon's settings to a command.
fn settings(herald: &Herald, command: &mut Command) {
    let lent = herald.command();
    let settings = lent
        .get_envs()
        .filter_map(|(key, value)| Some((key, value?)));
    command.envs(settings.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

/// Starts the daemon so that its machine knows these hosts.
fn with_hosts(herald: &mut Herald, hosts: &Path) -> Option<Ended> {
    let mut command = unshare("m")?;
    herald.terminate();
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args(["sh", "-c", script]).arg(hosts);
    command.args([env!("CARGO_BIN_EXE_herald"), "serve"]);
    settings(herald, &mut command);
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    let child = Ended(child);
    herald.wait_ready();
    Some(child)
}

fn phase(delivery: &Value, name: &str) -> u64 {
    delivery["attempts"][0]["phases"][name].as_u64().unwrap()
}

#[test]
fn a_host_whose_first_address_is_silent_is_reached_at_its_second() {
    let target = Scripted::answering(200, "");
    let port = target.url.trim_end_matches('/').rsplit(':').next().unwrap();
    let Some(_silent) = Silent::new(format!("[::1]:{port}").parse().unwrap()) else {
        println!("left out: this machine has no ::1");
        return;
    };
    let mut herald = Herald::launch();
    let folder = folder();
    let hosts = folder.join("hosts");
    std::fs::write(
        &hosts,
        "127.0.0.1 localhost\n::1 six.test\n127.0.0.1 six.test\n",
    )
    .unwrap();
    let Some(_daemon) = with_hosts(&mut herald, &hosts) else {
        return;
    };
    let more = json!({ "retry_schedule": [], "timeout_seconds": 5 });
    let id = herald.subscribe_with(&format!("http://six.test:{port}/"), &["*"], &more);
    let event = herald.publish_event(&order(1));
    let sent = herald.delivery_in("sent", &event, &id);
    let connect = phase(&sent, "connect");
    println!("connecting took {connect} ms");
    assert!((250..3_000).contains(&connect), "{connect} ms");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_time_of_a_connection_that_never_comes_is_that_of_connecting() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let Some(_silent) = Silent::new(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))) else {
        println!("left out: this machine has no ::1");
        return;
    };
    let herald = Herald::launch();
    let more = json!({ "retry_schedule": [], "timeout_seconds": 1 });
    let id = herald.subscribe_with(&format!("http://[::1]:{port}/"), &["*"], &more);
    let event = herald.publish_event(&order(1));
    let failed = herald.delivery_in("failed", &event, &id);
    let words = text(&failed["last_error"]);
    assert!(
        words.starts_with("The target accepted no connection within 1.0 s. Check"),
        "{words}"
    );
    let (connect, first_byte) = (phase(&failed, "connect"), phase(&failed, "first_byte"));
    assert!(connect >= 900 && first_byte < 100, "{connect} {first_byte}");
}

#[test]
fn herald_and_its_database_are_no_targets_by_the_machine_s_own_public_address() {
    let mut herald = Herald::launch();
    let Some(mut command) = unshare("n") else {
        return;
    };
    herald.terminate();
    let script = "ip link set lo up && ip addr add 93.184.215.14/32 dev lo || exit 9
        \"$0\" serve 2>/dev/null & daemon=$!
        for i in $(seq 300); do
            \"$0\" subscription list >/dev/null 2>&1 && break; sleep 0.2
        done
        for port in \"$@\"; do
            echo \"$port: $(\"$0\" subscription add --title own --trigger '*' \\
                --url https://93.184.215.14:$port/ 2>&1 | tr '\\n' ' ')\"
        done
        kill $daemon; wait $daemon";
    let own = herald.client.address.port().to_string();
    command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_herald")]);
    command.args([&own, "5432", "9443"]);
    settings(&herald, &mut command);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let of = |port: &str| {
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{port}: ")));
        line.unwrap_or_else(|| panic!("{port} in {said}"))
            .to_owned()
    };
    for port in [own.as_str(), "5432"] {
        assert!(of(port).contains("93.184.215.14 is this machine"), "{said}");
    }
    assert!(of("9443").contains("sub_"), "{said}");
}
