//! A machine: Debian in a folder of its own, booted by systemd-nspawn with systemd as its first
//! process and a network of its own without a way out. It ends with the test, however that ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{wait_for, wait_until};

/// The scripts and tests that scripts/test prepares; without it there is nothing to run on.
pub(crate) fn prepared(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run scripts/test machine"))
        .into()
}

/// Whether machines can be booted here. Who is not root is told that the test was left out.
pub(crate) fn possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("left out: only root boots machines");
    }
    root
}

/// A running machine.
pub(crate) struct Machine {
    /// Its root folder.
    root: PathBuf,
    /// Its first process, as this machine sees it.
    init: u32,
    nspawn: Child,
    _watcher: Watcher,
}

/// What a script in the machine answered.
pub(crate) struct Said {
    /// Whether its exit code was 0.
    pub(crate) ok: bool,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard output and standard error, for people.
    pub(crate) all: String,
}

impl Machine {
    /// Unpacks a machine and boots it.
    pub(crate) fn boot() -> Self {
        static BOOTED: AtomicUsize = AtomicUsize::new(0);
        let base = prepared("HERALD_TEST_MACHINE");
        let place = BOOTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("herald-{}-{place}", std::process::id());
        let root = base.with_file_name(&name);
        fs::create_dir_all(&root).unwrap();
        let watcher = Watcher::start(&root);
        let unpacked = Command::new("tar")
            .arg("-xf")
            .arg(&base)
            .arg("-C")
            .arg(&root)
            .status()
            .unwrap();
        assert!(unpacked.success(), "{} is broken", base.display());
        let log = fs::File::create(base.with_file_name(format!("{name}.log"))).unwrap();
        let mut nspawn = Command::new("systemd-nspawn")
            .args(["--boot", "--quiet", "--register=no", "--keep-unit"])
            .args(["--private-network", "--console=pipe", "--link-journal=no"])
            .args(["--resolv-conf=off", "--timezone=off"])
            .arg(format!("--machine={name}"))
            .arg("--directory")
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let init = wait_for("the machine's first process", || {
            assert!(
                nspawn.try_wait().unwrap().is_none(),
                "systemd-nspawn ended: {}",
                fs::read_to_string(base.with_file_name(format!("{name}.log"))).unwrap_or_default()
            );
            first_process(nspawn.id())
        });
        let machine = Self {
            root,
            init,
            nspawn,
            _watcher: watcher,
        };
        wait_until("the machine is up", || {
            let state = machine.try_sh("systemctl is-system-running").out;
            ["running", "degraded"].contains(&state.trim())
        });
        machine
    }

    /// A file of the machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Puts a file of this machine into the machine's folder `/root`.
    pub(crate) fn bring(&self, file: &Path) {
        fs::copy(file, self.path("/root").join(file.file_name().unwrap())).unwrap();
    }

    /// Runs a script as root in the machine, in the folder `/root`.
    pub(crate) fn try_sh(&self, script: &str) -> Said {
        let mut shell = self.enter("-a");
        shell.args(["--", "/usr/bin/env", "-i", "HOME=/root", "LANG=C.UTF-8"]);
        shell.arg("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
        shell.args(["DEBIAN_FRONTEND=noninteractive", "/bin/bash", "-c"]);
        shell.arg(format!("cd /root; {script}"));
        Said::of(shell.output().unwrap())
    }

    /// As [`Machine::try_sh`], and it must succeed. Answers its standard output.
    pub(crate) fn sh(&self, script: &str) -> String {
        let said = self.try_sh(script);
        assert!(said.ok, "`{script}` failed:\n{}\n{}", said.all, self.told());
        said.out
    }

    /// A program of this machine in the network of the other one.
    pub(crate) fn outside(&self, program: &str) -> Command {
        let mut command = self.enter("-n");
        command.arg("--").arg(program);
        command
    }

    /// What the units of Herald wrote, for people.
    pub(crate) fn told(&self) -> String {
        self.try_sh("journalctl --no-pager -n 60 -u 'herald*'").all
    }

    fn enter(&self, namespaces: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), namespaces]);
        command.stdin(Stdio::null());
        command
    }
}

/// systemd-nspawn starts a helper before it starts the machine's systemd.
fn first_process(nspawn: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
    children.split_whitespace().find_map(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "systemd").then(|| pid.parse().ok())?
    })
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- the machine's journal ---\n{}", self.told());
        }
        // With the first process all others of the machine end, systemd-nspawn last.
        crate::support::signal(self.init, "KILL");
        let _ = self.nspawn.wait();
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = format!("{out}{}", String::from_utf8_lossy(&output.stderr));
        Self {
            ok: output.status.success(),
            out,
            all,
        }
    }
}

/// A process that waits for the end of the machine or of the test program, then ends what still
/// runs of the machine and removes its folder.
struct Watcher {
    child: Child,
}

impl Watcher {
    fn start(root: &Path) -> Self {
        // The machine's processes are those whose root is its folder. `sh` waits for its input to
        // close, which the end of this process does, too.
        let script = "cat >/dev/null; \
            for it in /proc/[0-9]*; do \
                [ \"$(readlink \"$it/root\")\" != \"$1\" ] || kill -KILL \"${it#/proc/}\"; \
            done 2>/dev/null; \
            for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf \"$1\" 2>/dev/null && break; sleep 0.5; done; \
            rm -f \"$1.log\"";
        let child = Command::new("setsid")
            .args(["sh", "-c", script, "watch"])
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
