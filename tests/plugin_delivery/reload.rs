//! From a save to the first delivery with the new version, under load.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::desk::{Desk, body};
use crate::support::api::order;
use crate::support::scripted::{Scripted, answer};
use crate::support::wait_for;

const SAVES: u64 = 200;
/// Publishers that never pause.
const PUBLISHERS: usize = 4;

/// A script that tells its version at its beginning and at its end, long enough to be written in
/// parts.
fn version(n: u64) -> String {
    let filling = "// what a longer script would say here\n".repeat(200);
    format!(
        "const FIRST = {n};\nfn transform(event) {{\n    #{{ first: FIRST, last: last(), id: event.id }}\n}}\n\
         {filling}fn last() {{ {n} }}\n"
    )
}

/// The ways in which people and tools save.
fn save(folder: &Path, n: u64) {
    let path = folder.join("current/triggers/ORDER_CREATED.rhai");
    let text = version(n);
    let (begin, end) = text.split_at(text.len() / 2);
    match n % 4 {
        // In place, in two writes with a pause between them.
        0 => {
            let mut file = File::create(&path).unwrap();
            file.write_all(begin.as_bytes()).unwrap();
            file.flush().unwrap();
            thread::sleep(Duration::from_millis(40));
            file.write_all(end.as_bytes()).unwrap();
        }
        // Beside it, then renamed.
        1 => {
            let beside = path.with_extension("rhai~");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, path).unwrap();
        }
        // The old one moved away first.
        2 => {
            fs::rename(&path, path.with_extension("bak")).unwrap();
            fs::write(&path, text).unwrap();
        }
        // A new folder, swapped in by a link.
        _ => {
            let release = folder.join(format!("release-{n}"));
            fs::create_dir_all(release.join("triggers")).unwrap();
            fs::create_dir_all(release.join("named")).unwrap();
            fs::write(release.join("triggers/ORDER_CREATED.rhai"), text).unwrap();
            let link = folder.join("next");
            std::os::unix::fs::symlink(&release, &link).unwrap();
            fs::rename(link, folder.join("current")).unwrap();
        }
    }
}

#[test]
fn a_save_is_at_work_within_half_a_second_and_no_half_of_one_ever_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("release-0/triggers")).unwrap();
    fs::create_dir_all(folder.join("release-0/named")).unwrap();
    std::os::unix::fs::symlink(folder.join("release-0"), folder.join("current")).unwrap();
    fs::write(
        folder.join("current/triggers/ORDER_CREATED.rhai"),
        version(0),
    )
    .unwrap();
    let current = folder.join("current");
    let desk = Desk::with(&[("HERALD_PLUGINS_DIR", current.to_str().unwrap())]);

    let first_seen = Arc::new(Mutex::new(HashMap::<u64, Instant>::new()));
    let faults = Arc::new(Mutex::new(Vec::<String>::new()));
    let bodies = Arc::new(AtomicU64::new(0));
    let target = {
        let (seen, faults, bodies) = (first_seen.clone(), faults.clone(), bodies.clone());
        Scripted::start(move |request, stream| {
            let body = body(request);
            let numbers = (body["first"].as_u64(), body["last"].as_u64());
            match numbers {
                (Some(first), Some(last)) if first == last && first <= SAVES => {
                    seen.lock().unwrap().entry(first).or_insert(request.at);
                }
                _ => faults.lock().unwrap().push(body.to_string()),
            }
            bodies.fetch_add(1, Ordering::Relaxed);
            answer(stream, 200, "", b"")
        })
    };
    desk.subscribe(&target.url, &["ORDER_CREATED"]);

    let done = AtomicBool::new(false);
    let published = AtomicU64::new(0);
    let mut waits: Vec<Duration> = thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let n = published.fetch_add(1, Ordering::Relaxed);
                    desk.publish_event(&order(n));
                }
            });
        }
        let waits = (1..=SAVES)
            .map(|n| {
                save(folder, n);
                let saved = Instant::now();
                let seen = wait_for(&format!("version {n} to be delivered"), || {
                    first_seen.lock().unwrap().get(&n).copied()
                });
                seen.saturating_duration_since(saved)
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        waits
    });
    let audit = desk.client.settled();
    let published = published.load(Ordering::Relaxed);
    assert_eq!(audit["sent"], published, "{audit:#}");
    assert_eq!(faults.lock().unwrap().as_slice(), &[] as &[String]);
    assert!(bodies.load(Ordering::Relaxed) >= published);
    waits.sort();
    println!(
        "reload: {SAVES} saves under load ({published} deliveries), from the save to the first delivery \
         with it p50 {} ms, p99 {} ms, longest {} ms; 0 of another or half a version",
        waits[waits.len() / 2].as_millis(),
        waits[waits.len() * 99 / 100].as_millis(),
        waits[waits.len() - 1].as_millis(),
    );
}
