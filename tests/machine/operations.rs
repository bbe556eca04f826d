//! The steps of docs/operating, and what they are for.

use std::fs;

use crate::guide::Guide;
use crate::installed::{Installed, URL, install, package};
use crate::load::{Load, Receiver, assert_unharmed};
use crate::machine::{Machine, possible};
use crate::support::wait_until;

#[test]
fn every_section_of_the_guide_is_run_by_a_test() {
    assert_eq!(
        Guide::read().titles(),
        [
            ("backup", "Back up"),
            ("backup", "Restore"),
            ("backup", "Back up and restore another PostgreSQL"),
            ("install", "Install"),
            ("install", "First steps"),
            ("install", "Change settings"),
            ("install", "When something is wrong"),
            ("install", "Remove"),
            ("metrics", "Watch by hand"),
            ("postgresql", "Move to another PostgreSQL, with TLS"),
            ("security", "Keep secrets out of the settings"),
            ("security", "Rotate the key"),
            ("two-daemons", "Add a second daemon"),
            ("two-daemons", "Restart one after the other"),
            ("upgrade", "Upgrade"),
        ]
    );
}

#[test]
fn the_steps_from_installing_to_removing_work_as_they_stand() {
    if !possible() {
        return;
    }
    let machine = Machine::boot();
    machine.bring(&package());
    let guide = Guide::read();
    let printed = guide.run(&machine, "install", "Install");
    assert!(printed.contains("active\nactive\n"), "{printed}");
    let printed = guide.run(&machine, "install", "First steps");
    assert!(printed.contains("http://127.0.0.1:8080/"), "{printed}");
    assert!(printed.contains("evt_"), "{printed}");
    guide.run(&machine, "security", "Keep secrets out of the settings");
    let in_force = machine.sh("herald check-config");
    assert!(
        in_force.contains("credentials/smtp_credentials"),
        "{in_force}"
    );
    let printed = guide.run(&machine, "metrics", "Watch by hand");
    assert!(printed.contains("herald_"), "{printed}");
    guide.run(&machine, "install", "When something is wrong");
    guide.run(&machine, "install", "Change settings");
    let kept = machine.sh("herald check-config --json");
    assert!(kept.contains("\"retention_days\": \"14\""), "{kept}");
    guide.run(&machine, "install", "Remove");
    assert!(!machine.path("/usr/bin/herald").exists());
    assert!(
        machine
            .path("/var/lib/herald/postgresql/data/PG_VERSION")
            .exists()
    );
}

#[test]
fn a_backup_of_the_private_postgresql_is_restored_on_another_machine() {
    if !possible() {
        return;
    }
    let guide = Guide::read();
    let herald = Installed::boot();
    let script = "/etc/herald/plugins/triggers/ORDER_UPDATED.rhai";
    fs::write(herald.machine.path(script), "fn filter(event) { true }\n").unwrap();
    let before = Made::by(&herald);
    guide.run(&herald.machine, "backup", "Back up");
    let backup = ["herald.dump", "files.tar.gz"]
        .map(|name| herald.machine.path("/var/backups/herald").join(name));

    let machine = Machine::boot();
    let said = install(&machine, &package());
    assert!(said.ok, "{}", said.all);
    machine.sh("install -d -m 700 /var/backups/herald");
    for file in &backup {
        let name = file.file_name().unwrap();
        fs::copy(file, machine.path("/var/backups/herald").join(name)).unwrap();
    }
    guide.run(&machine, "backup", "Restore");
    let restored = Installed {
        machine,
        token: herald.token.clone(),
    };
    restored.wait_ready();
    before.assert_there(&restored);
    assert!(restored.machine.path(script).exists());
    let settings = restored.machine.sh("herald check-config");
    assert!(settings.contains("127.0.0.0/8"), "{settings}");
}

#[test]
fn another_postgresql_by_tls_its_backup_two_daemons_and_another_key() {
    if !possible() {
        return;
    }
    let guide = Guide::read();
    let herald = Installed::boot();
    let machine = &herald.machine;
    let before = Made::by(&herald);

    // The server of the guide: here Debian's own, with a certificate of an own authority.
    machine.sh("echo '127.0.0.1 db.example.com' >>/etc/hosts; \
         openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test CA' \
             -keyout ca.key -out database-ca.pem 2>/dev/null; \
         cp database-ca.pem /etc/ssl/; \
         openssl req -newkey rsa:2048 -nodes -subj '/CN=db.example.com' \
             -keyout server.key -out server.csr 2>/dev/null; \
         echo 'subjectAltName=DNS:db.example.com' >server.ext; \
         openssl x509 -req -in server.csr -CA database-ca.pem -CAkey ca.key -CAcreateserial \
             -days 2 -extfile server.ext -out server.pem 2>/dev/null; \
         install -o postgres -g postgres -m 600 server.key server.pem /var/lib/postgresql/; \
         systemctl start postgresql; \
         for it in 'ssl = on' \"ssl_cert_file = '/var/lib/postgresql/server.pem'\" \
             \"ssl_key_file = '/var/lib/postgresql/server.key'\"; do \
             runuser -u postgres -- psql -q -c \"alter system set $it\"; done; \
         systemctl restart postgresql");
    guide.run(
        machine,
        "postgresql",
        "Move to another PostgreSQL, with TLS",
    );
    herald.wait_ready();
    before.assert_there(&herald);
    let encrypted = machine.sh(
        "runuser -u postgres -- psql -A -t -c 'select count(*) from pg_stat_ssl join \
         pg_stat_activity using (pid) where usename = $$herald$$ and not ssl'",
    );
    assert_eq!(encrypted.trim(), "0", "connections without TLS");

    guide.run(machine, "backup", "Back up and restore another PostgreSQL");
    herald.wait_ready();
    before.assert_there(&herald);

    // The second daemon; then both are restarted, each under load.
    guide.run(machine, "two-daemons", "Add a second daemon");
    let accepted = herald.settled_audit()["accepted"].as_u64().unwrap();
    let receiver = Receiver::start(machine);
    receiver.subscribe(&herald);
    let second = "http://127.0.0.1:8081";
    let loads = [Load::start(&herald, 15), Load::at(&herald, second, 15)];
    guide.run(machine, "two-daemons", "Restart one after the other");
    let counted = loads.map(Load::end);
    assert_unharmed(&counted, &herald, &receiver, accepted);

    let keys = || fs::read_to_string(machine.path("/var/lib/herald/key")).unwrap();
    let old = keys();
    guide.run(machine, "security", "Rotate the key");
    assert_ne!(keys(), old);
    before.assert_there(&herald);
    machine.sh("systemctl restart herald@8081.service herald.service");
    herald.wait_ready();
    before.assert_there(&herald);
}

/// A webhook and an event, which must outlive what is done to the database.
struct Made {
    subscription: String,
    secret: String,
    event: String,
}

impl Made {
    fn by(herald: &Installed) -> Self {
        let added = herald.herald(
            "subscription add --json --title Kept --url http://127.0.0.1:9100/ --trigger 'NEVER_*' \
             --header 'X-Key: hidden'",
        );
        let added: serde_json::Value = serde_json::from_str(&added).unwrap();
        let subscription = added["id"].as_str().unwrap().to_owned();
        let secret = herald.herald(&format!("subscription secret {subscription}"));
        Self {
            event: herald.publish(),
            subscription,
            secret,
        }
    }

    fn assert_there(&self, herald: &Installed) {
        let secret = herald.herald(&format!("subscription secret {}", self.subscription));
        assert_eq!(secret, self.secret);
        let (event, token) = (&self.event, &herald.token);
        herald.machine.sh(&format!(
            "curl -fsS {URL}/v1/events/{event} -H 'Authorization: Bearer {token}'"
        ));
        // It can be published to, and the webhook's headers can be read.
        wait_until("an event is taken", || {
            herald.machine.try_sh(&format!("curl -fsS {URL}/readyz")).ok
        });
        herald.publish();
        herald.machine.sh("herald audit");
    }
}
