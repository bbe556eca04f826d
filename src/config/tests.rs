//! What the settings promise.

use std::collections::HashSet;
use std::io::Write;

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let owned: Vec<_> = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    owned.into_iter()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn faults_of(text: &str) -> Vec<String> {
    let file = file(text);
    let error = Config::load(Some(file.path()), pairs(&[])).unwrap_err();
    let name = file.path().display().to_string();
    error
        .to_string()
        .lines()
        .map(|line| line.replace(&name, "FILE"))
        .collect()
}

#[test]
fn the_defaults_are_valid_and_are_those_of_the_manual() {
    let config = Config::load(None, pairs(&[])).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database.url, None);
    assert_eq!(config.data_dir, Path::new("/var/lib/herald"));
    assert_eq!(config.plugins.dir, Path::new("/etc/herald/plugins"));
    assert_eq!(config.memory_budget_bytes, 32 << 20);
    assert!(config.http.workers >= 1 && config.delivery_workers >= 1);
    assert!(config.warnings.is_empty());
}

#[test]
fn every_setting_has_a_name_of_its_own_and_a_sentence() {
    let keys: HashSet<_> = describe().map(|setting| setting.key).collect();
    let variables: HashSet<_> = describe().map(|setting| setting.variable).collect();
    assert_eq!(
        (keys.len(), variables.len()),
        (describe().count(), describe().count())
    );
    for setting in describe() {
        assert_eq!(
            setting.variable,
            format!("HERALD_{}", setting.key.to_uppercase())
        );
        assert!(setting.meaning.ends_with('.'), "{}", setting.key);
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = file(
        "listen = \"0.0.0.0:81\"\ndrain_seconds = 7\nretention_days = 1_000\n\
         allow_networks = [\"10.0.0.0/8\", \"fd00::/8\"]\nlog_format = \"json\"\n",
    );
    let path = file.path().display().to_string();
    let environment = [
        ("HERALD_DRAIN_SECONDS", "9"),
        ("HERALD_CONFIG", &path),
        ("OTHER", "x"),
    ];
    let config = Config::load(None, pairs(&environment)).unwrap();
    assert_eq!(config.file.as_deref(), Some(file.path()));
    assert_eq!(config.http.listen.port(), 81);
    assert_eq!((config.drain_seconds, config.retention_days), (9, 1000));
    assert_eq!(config.allow_networks.len(), 2);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn all_faults_are_told_at_once_with_line_column_and_the_nearest_key() {
    let file =
        file("\n  lisen = \"x\"\nlisten = \"here\"\nretention_days = \"30\"\n[log]\na = 1\n");
    let environment = [("HERALD_DRAIN_SECONDS", "0"), ("HERALD_LISTEN", "")];
    let error = Config::load(Some(file.path()), pairs(&environment)).unwrap_err();
    let name = file.path().display().to_string();
    let lines: Vec<_> = error
        .to_string()
        .lines()
        .map(|line| line.replace(&name, "FILE"))
        .collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert_eq!(
        lines[0],
        "FILE:2:3 lisen: is not a setting of Herald; did you mean listen?"
    );
    assert!(lines[1].starts_with("FILE:3:10 listen: `here` should be an IP address"));
    assert_eq!(
        lines[2],
        "FILE:4:18 retention_days: should be a whole number without quotes, not a text"
    );
    assert!(lines[3].starts_with("FILE:5:1 log: should be a text in quotes, not a table"));
    assert_eq!(
        lines[4],
        "HERALD_DRAIN_SECONDS: `0` should be a whole number from 1 to 300"
    );
    assert!(lines[5].starts_with("HERALD_LISTEN: "));
}

#[test]
fn a_file_that_is_not_toml_or_is_missing_is_told_with_its_place() {
    let faults = faults_of("listen = \"127.0.0.1:1\"\ndrain_seconds = = 3\n");
    assert!(
        faults[0].starts_with("FILE:2:17: is not TOML: "),
        "{faults:?}"
    );
    let error = Config::load(Some(Path::new("/nowhere/h.toml")), pairs(&[])).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/h.toml: cannot be read: ")
    );
    assert_eq!(faults_of("log = \"a\"\nlog = \"b\"\n").len(), 1);
}

#[test]
fn unknown_variables_are_warned_of_but_those_of_clients_are_not() {
    let environment = [
        ("HERALD_LISTENN", "1"),
        ("HERALD_URL", "u"),
        ("HERALD_TOKEN", "t"),
        ("HERALD_TEST_PYTHON", "p"),
    ];
    let config = Config::load(None, pairs(&environment)).unwrap();
    assert_eq!(
        config.warnings,
        ["HERALD_LISTENN is not a setting of Herald; did you mean HERALD_LISTEN?"]
    );
}

#[test]
fn no_password_is_shown() {
    for url in [
        "postgresql://me:hunter2@db/herald",
        "postgres://me@db/herald?password=hunter2",
        "host=db user=me password=hunter2",
    ] {
        let config = Config::load(None, pairs(&[("HERALD_DATABASE_URL", url)])).unwrap();
        assert_eq!(config.database.url.as_deref(), Some(url));
        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    }
    let error = Config::load(
        None,
        pairs(&[("HERALD_DATABASE_URL", "mysql://a:hunter2@b")]),
    )
    .unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn networks_are_read_strictly() {
    let read = |text| Config::load(None, pairs(&[("HERALD_ALLOW_NETWORKS", text)]));
    let config = read("127.0.0.0/8, ::1/128,192.0.2.7").unwrap();
    assert_eq!(
        config
            .allow_networks
            .iter()
            .map(IpNet::to_string)
            .collect::<Vec<_>>(),
        ["127.0.0.0/8", "::1/128", "192.0.2.7/32"]
    );
    assert!(read("").unwrap().allow_networks.is_empty());
    let error = read("10.1.0.0/8").unwrap_err().to_string();
    assert!(error.contains("did you mean 10.0.0.0/8?"), "{error}");
    assert!(read("localhost").is_err());
}

#[test]
fn a_broken_log_filter_is_refused() {
    assert!(Config::load(None, pairs(&[("HERALD_LOG", "herald=loud")])).is_err());
    assert!(Config::load(None, pairs(&[("HERALD_LOG", "warn,herald=debug")])).is_ok());
}

#[test]
fn a_credential_wins_over_the_file_and_loses_to_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("database_url", "postgresql://ann:secret@db/herald\n");
    put("herald_log", "debug\n");
    put("smtp_credentials", "ann:secret\n");
    put("herald.key", "not a setting");
    let file = file("database_url = \"postgresql://file/herald\"\nlog = \"warn\"");
    let at = folder.path().to_str().unwrap();
    let load = |more: &[(&str, &str)]| {
        let given = [&[("CREDENTIALS_DIRECTORY", at)], more].concat();
        Config::load(Some(file.path()), pairs(&given)).unwrap()
    };
    let config = load(&[]);
    let url = config.database.url.as_deref();
    assert_eq!(url, Some("postgresql://ann:secret@db/herald"));
    assert_eq!(config.log.filter, "debug");
    assert_eq!(
        config.mail.credentials_file,
        config.credential("smtp_credentials")
    );
    assert!(config.credential("herald.key").is_some());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let config = load(&[("HERALD_DATABASE_URL", "postgresql://env/herald")]);
    let url = config.database.url.as_deref();
    assert_eq!(url, Some("postgresql://env/herald"));
}

#[test]
fn a_bad_credential_is_told_by_its_file_without_being_repeated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("database_url"), "se:cret").unwrap();
    let given = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
    let error = Config::load(None, pairs(&given)).unwrap_err().to_string();
    assert!(
        error.contains("/database_url: should be like postgresql://"),
        "{error}"
    );
    assert!(!error.contains("se:cret"), "{error}");
}
