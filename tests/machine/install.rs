//! Installing, removing and purging the package.

use std::fs;

use crate::installed::{Installed, URL, install, next_package, package};
use crate::machine::{Machine, possible};
use crate::support::wait_until;

fn is_ready(machine: &Machine) -> bool {
    machine
        .try_sh(&format!("curl -fsS -o /dev/null {URL}/readyz"))
        .ok
}

#[test]
fn an_installation_runs_at_once_and_closes_what_is_secret() {
    if !possible() {
        return;
    }
    let machine = Machine::boot();
    let said = install(&machine, &package());
    assert!(said.ok, "{}", said.all);
    wait_until("Herald is ready", || is_ready(&machine));
    assert_eq!(
        machine.sh("systemctl is-active herald.service herald.socket"),
        "active\nactive\n"
    );
    assert_eq!(
        machine.sh("systemctl is-enabled herald.service herald.socket"),
        "enabled\nenabled\n"
    );
    // Nothing is failed, nothing was warned of.
    assert_eq!(machine.sh("systemctl list-units --failed --no-legend"), "");
    assert_eq!(
        machine.sh("journalctl --no-pager -q -p warning -u herald"),
        ""
    );

    assert_eq!(
        machine.sh("getent passwd herald | cut -d: -f6,7"),
        "/var/lib/herald:/usr/sbin/nologin\n"
    );
    let modes = machine.sh(
        "cd /; stat -c '%a %U:%G %n' etc/herald etc/herald/herald.toml etc/herald/credentials \
         etc/herald/plugins etc/herald/plugins/named etc/herald/plugins/triggers var/lib/herald \
         var/lib/herald/postgresql usr/bin/herald",
    );
    let expected = "\
755 root:root etc/herald
640 root:herald etc/herald/herald.toml
700 root:root etc/herald/credentials
755 root:root etc/herald/plugins
755 root:root etc/herald/plugins/named
755 root:root etc/herald/plugins/triggers
750 herald:herald var/lib/herald
700 herald:herald var/lib/herald/postgresql
755 root:root usr/bin/herald
";
    assert_eq!(modes, expected);
    // What dpkg knows is as it was packed, but for the settings file that only Herald reads.
    assert_eq!(machine.sh("dpkg -V herald"), "");
    for file in [
        "/usr/share/man/man1/herald.1.gz",
        "/usr/share/man/man1/herald-serve.1.gz",
        "/usr/share/man/man5/herald.toml.5.gz",
        "/usr/share/bash-completion/completions/herald",
        "/usr/share/zsh/vendor-completions/_herald",
        "/usr/share/fish/vendor_completions.d/herald.fish",
        "/usr/share/doc/herald/copyright",
        "/usr/share/doc/herald/docs/operating/install.md",
        "/usr/share/doc/herald/docs/operating/backup.md",
        "/usr/share/herald/prometheus/herald.rules.yml",
        "/usr/share/herald/grafana/herald.json",
    ] {
        assert!(machine.path(file).exists(), "{file}");
    }
    // The settings file explains every setting there is and changes none.
    assert_eq!(
        machine.sh("diff /etc/herald/herald.toml <(herald example-config) && echo same"),
        "same\n"
    );
    // The plugins that come along are looked at and in order.
    machine.sh("herald plugin check");
    // No line tables in the binary.
    let sections = std::process::Command::new("readelf")
        .arg("-SW")
        .arg(machine.path("/usr/bin/herald"))
        .output()
        .unwrap();
    let sections = String::from_utf8_lossy(&sections.stdout).into_owned();
    assert!(sections.contains(".note.gnu.build-id"), "{sections}");
    assert!(!sections.contains(".debug_line") && !sections.contains(".symtab"));
}

#[test]
fn what_lacks_something_is_installed_but_not_started_and_the_way_is_told() {
    if !possible() {
        return;
    }
    let machine = Machine::boot();
    machine.sh("mv /usr/lib/postgresql /usr/lib/away");
    let said = install(&machine, &package());
    assert!(said.ok, "{}", said.all);
    assert!(
        said.all.contains("apt-get install postgresql"),
        "{}",
        said.all
    );
    assert!(said.all.contains("systemctl start herald"), "{}", said.all);
    let state = "systemctl show -P ActiveState herald.service herald.socket";
    assert_eq!(machine.sh(state), "inactive\n\ninactive\n");
    assert_eq!(machine.sh("systemctl list-units --failed --no-legend"), "");

    // The same with a faulty setting, told with its place.
    machine
        .sh("mv /usr/lib/away /usr/lib/postgresql; echo 'listen = 80' >>/etc/herald/herald.toml");
    let said = machine.try_sh("dpkg-reconfigure herald");
    assert!(said.ok, "{}", said.all);
    assert!(
        said.all.contains("/etc/herald/herald.toml:"),
        "{}",
        said.all
    );
    assert!(said.all.contains("listen"), "{}", said.all);
    assert_eq!(machine.sh(state), "inactive\n\ninactive\n");

    // Mended, and as told.
    machine.sh("sed -i '$d' /etc/herald/herald.toml; systemctl start herald");
    wait_until("Herald is ready", || is_ready(&machine));
}

#[test]
fn settings_that_are_faulty_keep_the_earlier_version_at_work() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let folder = tempfile::tempdir().unwrap();
    let next = next_package(folder.path());
    let before = herald.pid();
    herald
        .machine
        .sh("echo 'listn = \"127.0.0.1:80\"' >>/etc/herald/herald.toml");
    let said = install(&herald.machine, &next);
    assert!(said.ok, "{}", said.all);
    assert!(said.all.contains("did you mean listen?"), "{}", said.all);
    assert!(
        said.all.contains("systemctl restart herald.service"),
        "{}",
        said.all
    );
    assert_eq!(herald.pid(), before);
    herald.publish();

    herald
        .machine
        .sh("sed -i '$d' /etc/herald/herald.toml; systemctl restart herald.service");
    assert_ne!(herald.pid(), before);
    herald.wait_ready();
}

#[test]
fn removing_keeps_data_and_settings_and_purging_leaves_only_what_an_administrator_put_there() {
    if !possible() {
        return;
    }
    let herald = Installed::boot();
    let machine = &herald.machine;
    let id = herald.publish();
    let own = machine.path("/etc/herald/plugins/triggers/ORDER_CREATED.rhai");
    fs::write(&own, "fn filter(event) { true }\n").unwrap();

    machine.sh("apt-get remove -qq -y herald");
    assert!(!machine.path("/usr/bin/herald").exists());
    assert_eq!(
        machine.sh("ps -u herald -o args= || true"),
        "",
        "nothing of it runs"
    );
    assert!(machine.path("/var/lib/herald/postgresql/data").exists());
    assert!(machine.path("/etc/herald/herald.toml").exists());

    // Installed again it goes on with what was there.
    let said = install(machine, &package());
    assert!(said.ok, "{}", said.all);
    herald.wait_ready();
    let token = &herald.token;
    machine.sh(&format!(
        "curl -fsS {URL}/v1/events/{id} -H 'Authorization: Bearer {token}'"
    ));

    let said = machine.try_sh("apt-get purge -qq -y herald </dev/null");
    assert!(said.ok, "{}", said.all);
    assert!(
        said.all.contains("plugins/triggers/ORDER_CREATED.rhai"),
        "{}",
        said.all
    );
    let left = machine.sh(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path \
         /var/cache -o -path /var/lib/apt \\) -prune -o -name '*herald*' -print; \
         find /etc/herald -type f; getent passwd herald; getent group herald; true",
    );
    assert_eq!(
        left,
        "/etc/herald\n/etc/herald/plugins/triggers/ORDER_CREATED.rhai\n"
    );
    assert_eq!(
        machine.sh("systemctl list-units --all --no-legend 'herald*'"),
        ""
    );

    // And it can be installed once more, as if it were the first time.
    let said = install(machine, &package());
    assert!(said.ok, "{}", said.all);
    wait_until("Herald is ready", || is_ready(machine));
}
