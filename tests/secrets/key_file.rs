//! The key file: made once, guarded, and the same for all daemons of a database.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{key_of, refused, secret_of, serve_beside, stage, wait_sealed};
use crate::support::{self, Herald};

#[test]
fn the_first_start_makes_the_key_file_for_its_owner_alone_and_later_ones_keep_it() {
    let mut herald = Herald::launch();
    let key = key_of(&herald);
    let made = fs::read(&key).unwrap();
    let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    herald.terminate();
    herald.spawn();
    assert_eq!(fs::read(&key).unwrap(), made);

    herald.terminate();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut serve = herald.command();
    serve.arg("serve");
    let told = refused(serve);
    let path = key.to_str().unwrap();
    assert!(told.contains(&format!("chmod 600 {path}")), "{told}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    // Without its file, and with another one, nothing starts and no key is made.
    let aside = herald.folder.join("aside");
    fs::rename(&key, &aside).unwrap();
    let mut serve = herald.command();
    serve.arg("serve");
    let told = refused(serve);
    assert!(told.contains("copy the key file of"), "{told}");
    assert!(told.contains(path), "{told}");
    assert!(!key.exists());
    fs::write(&key, "not a key\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut serve = herald.command();
    serve.arg("serve");
    let told = refused(serve);
    assert!(told.contains("damaged: line 1"), "{told}");
    fs::rename(&aside, &key).unwrap();
    herald.spawn();
}

#[test]
fn a_daemon_with_another_key_refuses_to_start_and_says_which_file_to_copy() {
    let herald = Herald::launch();
    let key = key_of(&herald);
    let other = support::folder();
    let told = refused(serve_beside(&herald, &other));
    for words in ["copy the key file of", key.to_str().unwrap(), "mode 600"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!other.join("key").exists(), "a key was made");

    // With a key of another database.
    let stranger = Herald::launch();
    fs::copy(key_of(&stranger), other.join("key")).unwrap();
    let told = refused(serve_beside(&herald, &other));
    assert!(told.contains("copy the key file of"), "{told}");

    // With the right one, as a credential that cannot be written.
    fs::remove_file(other.join("key")).unwrap();
    let credentials = other.join("credentials");
    fs::create_dir(&credentials).unwrap();
    let credential = credentials.join("herald.key");
    fs::copy(&key, &credential).unwrap();
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).unwrap();
    let second = Herald::launch_at(
        &herald.database_url,
        &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())],
    );
    let id = second.subscribe("http://127.0.0.1:9/", &["*"]);
    assert_eq!(
        secret_of(&second, &id).reveal(),
        secret_of(&herald, &id).reveal()
    );
    assert!(!key_of(&second).exists());
    fs::remove_dir_all(other).unwrap();
}

#[test]
fn of_two_first_starts_at_once_one_makes_the_key_and_the_other_is_told() {
    let (database, folder) = stage();
    // A file that both mean: both start, whoever made it.
    let shared = folder.join("shared.key");
    let settings = [("HERALD_KEY_FILE", shared.to_str().unwrap())];
    let launch = || Herald::launch_at(&database, &settings);
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(launch);
        (launch(), other.join().unwrap())
    });
    let id = one.subscribe("http://127.0.0.1:9/", &["*"]);
    wait_sealed(&one);
    assert_eq!(secret_of(&one, &id).reveal(), secret_of(&two, &id).reveal());
    assert_eq!(one.count("select count(*) from seal_key"), 1);
    drop((one, two));

    // A file for each: one of them is told to copy that of the other.
    let (database, _) = stage();
    let folders = [support::folder(), support::folder()];
    let mut daemons: Vec<_> = folders
        .iter()
        .map(|folder| {
            let log = fs::File::create(folder.join("stderr.log")).unwrap();
            std::process::Command::new(env!("CARGO_BIN_EXE_herald"))
                .arg("serve")
                .env("HERALD_DATABASE_URL", &database)
                .env("HERALD_DATA_DIR", folder)
                .env("HERALD_LISTEN", "127.0.0.1:0")
                .env_remove("HERALD_CONFIG")
                .stderr(log)
                .spawn()
                .unwrap()
        })
        .collect();
    let log = |at: usize| fs::read_to_string(folders[at].join("stderr.log")).unwrap();
    let refused = support::wait_for("one to end", || {
        let mut ended = daemons.iter_mut().map(|it| it.try_wait().unwrap());
        ended.position(|status| status.is_some())
    });
    let told = log(refused);
    assert!(told.contains("copy the key file of"), "{told}");
    let other = 1 - refused;
    support::wait_until("the other to be open", || {
        log(other).contains("Herald is open")
    });
    assert!(daemons[other].try_wait().unwrap().is_none());
    assert!(!folders[refused].join("key").exists());
    daemons[other].kill().unwrap();
    daemons[other].wait().unwrap();
    for folder in folders.iter().chain([&folder]) {
        fs::remove_dir_all(folder).unwrap();
    }
}
