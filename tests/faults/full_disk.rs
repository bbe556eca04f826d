//! A database whose disk is full: named as that, seldom, and nothing is lost when there is room
//! again.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::text;
use crate::support::cluster::Cluster;
use crate::support::{Herald, folder, psql, wait_until};

/// A small disk of its own.
struct Disk(std::path::PathBuf);

impl Disk {
    /// None: only root can mount one.
    fn mount(size: &str) -> Option<Self> {
        let folder = folder();
        let disk = Self(folder);
        let options = format!("size={size},mode=777");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &disk.0).then_some(disk)
    }

    fn grow(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], &self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn mount(options: &[&str], place: &Path) -> bool {
    let mounted = Command::new("mount").args(options).arg(place).output();
    mounted.is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_is_named_once_a_minute_and_everywhere_and_loses_nothing() {
    let _alone = crate::alone();
    let Some(disk) = Disk::mount("40m") else {
        println!("left out: only root can mount a small disk");
        return;
    };
    let url = Cluster::shared().database();
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let other = url.replace(&format!("/{name}?"), "/postgres?");
    let place = disk.0.join("space");
    std::fs::create_dir(&place).unwrap();
    let chown = Command::new("chown").arg("postgres").arg(&place).status();
    assert!(chown.unwrap().success());
    psql(
        &other,
        &format!("create tablespace small location '{}'", place.display()),
    );
    psql(
        &other,
        &format!("alter database {name} set tablespace small"),
    );
    {
        let herald = Herald::launch_at(&url, &[]);
        // It does not pack well.
        let noise: String = (0..60_000_u64)
            .map(|n| char::from(b'a' + u8::try_from(n * n * 31 % 10_007 % 26).unwrap()))
            .collect();
        let mut stored = 0;
        let mut publish = || {
            let body = json!({"event_type": "STORE_ORDER_CREATED", "data": [noise, stored]});
            let answer = herald.publish(body.to_string().as_bytes());
            stored += usize::from(answer.status == 202);
            answer
        };
        let begun = Instant::now();
        let refused = loop {
            let answer = publish();
            if answer.status == 503 && answer.detail().contains("disk") {
                break answer;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "it is never full"
            );
        };
        assert!(refused.detail().contains("is full"), "{}", refused.detail());
        // For some seconds everything runs into it.
        let begun = Instant::now();
        let mut said = false;
        while begun.elapsed() < Duration::from_secs(8) {
            let answer = publish();
            assert!(matches!(answer.status, 202 | 503));
            let ready = herald.get("/readyz");
            said |=
                ready.status == 503 && ready.detail().contains("the disk of the database is full");
            thread::sleep(Duration::from_millis(50));
        }
        println!("readyz named the full disk: {said}");
        let log = herald.log();
        let lines: Vec<&str> = log.lines().filter(|it| it.contains("o space")).collect();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(
            lines[0].contains("no space is left on the database's disk"),
            "{}",
            lines[0]
        );
        assert!(lines[0].contains("make room"), "{}", lines[0]);

        disk.grow("400m");
        wait_until("events are taken again", || publish().status == 202);
        let last = text(&publish().expect(202).json()["id"]);
        herald.get(&format!("/v1/events/{last}")).expect(200);
        let audit: serde_json::Value =
            serde_json::from_str(&herald.run(&["audit", "--json"])).unwrap();
        assert_eq!(
            (&audit["lost"], &audit["double"]),
            (&json!(0), &json!(0)),
            "{audit}"
        );
        let kept = usize::try_from(herald.count("select count(*) from event")).unwrap();
        assert!(kept >= stored, "{kept} of {stored}");
    }
    psql(&other, &format!("drop database {name} with (force)"));
    psql(&other, "drop tablespace small");
}
