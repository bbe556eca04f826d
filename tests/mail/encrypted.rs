//! The way to the server: encrypted as the settings demand, or no mail at all.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::desk::{herald_with, hurry, letter, mail_in, send, tried};
use crate::server::{MailServer, certificate};
use crate::support::Herald;

#[test]
fn mails_go_by_starttls_and_by_tls_with_user_and_password() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let secret = folder.path().join("smtp");
    fs::write(&secret, "ann:se:cret\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for (tls, scheme, end) in [
        ("starttls", "smtp", "?tls=required"),
        ("implicit", "smtps", ""),
    ] {
        let options = [
            "--tls",
            tls,
            "--cert",
            &cert,
            "--key",
            &key,
            "--auth",
            "ann:se:cret",
        ];
        let server = MailServer::with(&options);
        let url = format!("{scheme}://localhost:{}{end}", server.port);
        let more = [
            ("HERALD_SMTP_CA_FILE", cert.as_str()),
            ("HERALD_SMTP_CREDENTIALS_FILE", secret.to_str().unwrap()),
        ];
        let herald = herald_with(&url, &more);
        let id = send(&herald.client, &letter(&["ann@example.com"], tls));
        mail_in(&herald.client, "sent", &id);
        let taken = server.taken();
        assert_eq!(
            (&taken[0]["encrypted"], &taken[0]["user"]),
            (&true.into(), &"ann".into())
        );
        // The secret stands nowhere but in its file.
        let told = herald.run(&["check-config"]);
        assert!(!told.contains("se:cret") && !herald.log().contains("se:cret"));
    }
}

#[test]
fn a_server_without_starttls_or_with_a_bad_certificate_gets_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let with_tls = |tls| MailServer::with(&["--tls", tls, "--cert", &cert, "--key", &key]);
    let plain = MailServer::start();
    let refuses = with_tls("starttls");
    refuses.mode("starttls454");
    let cases = [
        (
            plain,
            "smtp",
            "?tls=required",
            None,
            "STARTTLS is not supported",
        ),
        (
            refuses,
            "smtp",
            "?tls=required",
            Some(&cert),
            "454 4.7.0 TLS is not available",
        ),
        (
            with_tls("starttls"),
            "smtp",
            "?tls=required",
            None,
            "certificate",
        ),
        (with_tls("implicit"), "smtps", "", None, "certificate"),
    ];
    for (server, scheme, end, ca, told) in cases {
        let url = format!("{scheme}://localhost:{}{end}", server.port);
        let more: Vec<_> = ca
            .iter()
            .map(|ca| ("HERALD_SMTP_CA_FILE", ca.as_str()))
            .collect();
        let herald = herald_with(&url, &more);
        let id = send(&herald.client, &letter(&["ann@example.com"], "secret"));
        let mail = tried(&herald.client, &id, 1);
        let reply = mail["smtp_reply"].as_str().unwrap();
        println!("{reply}");
        assert_eq!(mail["state"], "queued", "{mail:#}");
        assert!(reply.contains(told), "{reply}");
        assert_eq!(server.taken().len(), 0);
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_and_its_own_name_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let server = MailServer::with(&["--tls", "implicit", "--cert", &cert, "--key", &key]);
    let ca = [("HERALD_SMTP_CA_FILE", cert.as_str())];
    // A name of this machine that the certificate does not have.
    let herald = herald_with(&format!("smtps://127.0.0.2:{}", server.port), &ca);
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    assert_eq!(tried(&herald.client, &id, 1)["state"], "queued");
    drop(herald);
    let herald = herald_with(&format!("smtps://127.0.0.1:{}", server.port), &ca);
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    mail_in(&herald.client, "sent", &id);
}

#[test]
fn a_wrong_password_is_the_settings_fault_and_not_the_mails() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("smtp");
    fs::write(&secret, "ann:wrong").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let server = MailServer::with(&["--auth", "ann:right"]);
    let more = [("HERALD_SMTP_CREDENTIALS_FILE", secret.to_str().unwrap())];
    let mut herald = herald_with(&server.url(), &more);
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    let mail = tried(&herald.client, &id, 1);
    assert_eq!(mail["state"], "queued", "{mail:#}");
    assert!(
        mail["smtp_reply"].as_str().unwrap().contains("535"),
        "{mail:#}"
    );
    fs::write(&secret, "ann:right").unwrap();
    herald.terminate();
    herald.spawn();
    hurry(&herald);
    mail_in(&herald.client, "sent", &id);
}

#[test]
fn settings_that_cannot_be_right_keep_herald_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("smtp");
    fs::write(&secret, "ann:secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let herald = Herald::launch();
    let secret = secret.to_str().unwrap();
    for (name, value, told) in [
        (
            "HERALD_SMTP_URL",
            "smtp://mail.example.com?tls=none",
            "over the network in plain",
        ),
        (
            "HERALD_SMTP_URL",
            "smtp://ann:secret@127.0.0.1",
            "smtp_credentials_file",
        ),
        (
            "HERALD_MAIL_FROM",
            "a@b\r\nBcc: c@d",
            "the part before the @",
        ),
        ("HERALD_SMTP_CREDENTIALS_FILE", secret, "everybody"),
    ] {
        let output = herald
            .command()
            .arg("serve")
            .env("HERALD_DATA_DIR", folder.path())
            .env("HERALD_LISTEN", "127.0.0.1:0")
            .env("HERALD_SMTP_URL", "smtp://127.0.0.1")
            .env(name, value)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}={value}");
        assert!(words.contains(told), "{name}={value}: {words}");
        assert!(!words.contains("ann:secret@"), "{words}");
    }
}

#[test]
fn the_doctor_signs_in_and_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let secret = folder.path().join("smtp");
    let options = ["--tls", "starttls", "--cert", &cert, "--key", &key];
    let server = MailServer::with(&[&options[..], &["--auth", "ann:right"]].concat());
    let url = format!("smtp://ann@localhost:{}?tls=required", server.port);
    let herald = herald_with(&url, &[]);
    for (password, ca, state, words) in [
        ("right", &cert, "ok", "lets us in"),
        ("wrong", &cert, "failed", "535"),
        ("right", &String::new(), "failed", "cannot be encrypted"),
    ] {
        fs::write(&secret, password).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let output = herald
            .command()
            .args(["doctor", "--json"])
            .env("HERALD_SMTP_CREDENTIALS_FILE", &secret)
            .env("HERALD_SMTP_CA_FILE", ca)
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|it| it["check"] == "mail server");
        let found = found.unwrap();
        assert_eq!(found["state"], state, "{found}");
        assert!(found["found"].as_str().unwrap().contains(words), "{found}");
        assert_eq!(found["remedy"].is_null(), state == "ok", "{found}");
    }
    assert_eq!(server.taken().len(), 0);
}
