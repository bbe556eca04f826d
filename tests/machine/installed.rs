//! Herald on a machine, installed from its package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::machine::{Machine, Said, prepared};
use crate::support::{wait_out, wait_until};

/// Where the package's socket listens.
pub(crate) const URL: &str = "http://127.0.0.1:8080";

/// The package that is tested.
pub(crate) fn package() -> PathBuf {
    prepared("HERALD_TEST_PACKAGE")
}

/// The same package with a version that is one revision higher, made in `folder`.
pub(crate) fn next_package(folder: &Path) -> PathBuf {
    let unpacked = folder.join("next");
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {told}");
    };
    run(Command::new("dpkg-deb")
        .arg("-R")
        .arg(package())
        .arg(&unpacked));
    let control = unpacked.join("DEBIAN/control");
    let text = fs::read_to_string(&control).unwrap();
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))
        .unwrap();
    let next = format!("{version}.1");
    let text = text.replace(
        &format!("Version: {version}\n"),
        &format!("Version: {next}\n"),
    );
    fs::write(&control, text).unwrap();
    let made = folder.join(format!("herald_{next}_next.deb"));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Znone", "-b"])
        .arg(&unpacked)
        .arg(&made));
    made
}

/// A machine on which Herald runs.
pub(crate) struct Installed {
    /// The machine.
    pub(crate) machine: Machine,
    /// A token of the account `main` with the role `admin`.
    pub(crate) token: String,
}

impl Installed {
    /// Boots a machine, installs the package, and permits targets on the machine itself.
    pub(crate) fn boot() -> Self {
        let machine = Machine::boot();
        let said = install(&machine, &package());
        assert!(said.ok, "{}", said.all);
        machine.sh(
            "echo 'allow_networks = [\"127.0.0.0/8\"]' >>/etc/herald/herald.toml; \
             systemctl restart herald",
        );
        let token = machine.sh("herald token create --account main --role admin");
        let installed = Self {
            machine,
            token: token.trim().to_owned(),
        };
        installed.wait_ready();
        installed
    }

    /// Waits until it accepts events.
    pub(crate) fn wait_ready(&self) {
        wait_until("Herald is ready", || {
            let asked = format!("curl -fsS -o /dev/null {URL}/readyz");
            self.machine.try_sh(&asked).ok
        });
    }

    /// A command of `herald` as root in the machine, with the token.
    pub(crate) fn herald(&self, arguments: &str) -> String {
        let token = &self.token;
        self.machine
            .sh(&format!("HERALD_TOKEN={token} herald {arguments}"))
    }

    /// Publishes one event and answers its id.
    pub(crate) fn publish(&self) -> String {
        let token = &self.token;
        let answer = self.machine.sh(&format!(
            "curl -fsS {URL}/v1/events -H 'Authorization: Bearer {token}' \
             -d '{{\"event_type\":\"ORDER_CREATED\",\"data\":{{\"id\":1}}}}'"
        ));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The audit, once nothing is open or under way any more. A backlog may take long on a busy
    /// machine: it is waited for as long as it gets smaller.
    pub(crate) fn settled_audit(&self) -> Value {
        wait_out("deliveries that are open", || {
            let said = self.machine.try_sh("herald audit --json");
            let audit: Value = serde_json::from_str(&said.out).unwrap_or_default();
            let count = |name: &str| audit[name].as_u64();
            let left = count("open").zip(count("in_flight"));
            (
                left.map_or(u64::MAX, |(open, in_flight)| open + in_flight),
                audit,
            )
        })
    }

    /// The process of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.property("MainPID").parse().unwrap()
    }

    /// A property of herald.service as systemd tells it.
    pub(crate) fn property(&self, name: &str) -> String {
        self.machine
            .sh(&format!("systemctl show --value -p {name} herald.service"))
            .trim()
            .to_owned()
    }
}

/// Installs a package that lies on this machine.
pub(crate) fn install(machine: &Machine, package: &Path) -> Said {
    machine.bring(package);
    let name = package.file_name().unwrap().to_string_lossy();
    machine.try_sh(&format!(
        "apt-get install -qq -y --allow-downgrades ./{name}"
    ))
}
