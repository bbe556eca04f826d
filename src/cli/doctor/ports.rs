//! The addresses on which Herald listens: free, or served by Herald.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use serde::Deserialize;

use super::finding::DoctorFinding;
use crate::config::{Config, reachable};
use crate::transport::api_client::ApiClient;

/// The version of this program.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// What Herald says at `/`.
#[derive(Deserialize)]
struct HomeAnswer {
    name: String,
    version: String,
}

/// Who has an address already.
enum Holder {
    /// A Herald of this version.
    Herald(String),
    /// Something that is well, as Herald says it where only a part of it is served.
    PartOfHerald,
    /// Something else.
    Other,
}

pub(super) async fn examine(config: &Config) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for (setting, address) in config.http.listeners() {
        findings.push(one(setting, address).await);
    }
    findings
}

async fn one(setting: &'static str, address: SocketAddr) -> DoctorFinding {
    const CHECK: &str = "port";
    let error = match TcpListener::bind(address) {
        Ok(_listener) => return DoctorFinding::ok(CHECK, format!("{address} ({setting}) is free")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => match holder(address).await {
            Holder::Herald(version) if version == OWN => DoctorFinding::ok(
                CHECK,
                format!("Herald {version} serves {address} ({setting})"),
            ),
            Holder::Herald(version) => DoctorFinding::warning(
                CHECK,
                format!("Herald {version} serves {address} ({setting}), and this is {OWN}"),
                "restart the daemon, so that both are the same",
            ),
            Holder::PartOfHerald => {
                DoctorFinding::ok(CHECK, format!("Herald serves {address} ({setting})"))
            }
            Holder::Other => DoctorFinding::failed(
                CHECK,
                format!("another program has {address} ({setting})"),
                format!("end it (`ss -ltnp` shows which), or set {setting} to another address"),
            ),
        },
        ErrorKind::PermissionDenied => DoctorFinding::failed(
            CHECK,
            format!("this user may not listen on {address} ({setting})"),
            "take a port from 1024 on, or socket activation (herald.socket)",
        ),
        ErrorKind::AddrNotAvailable => DoctorFinding::failed(
            CHECK,
            format!("this machine has no address {} ({setting})", address.ip()),
            format!("set {setting} to one that `ip address` shows, or to 0.0.0.0"),
        ),
        _ => DoctorFinding::failed(
            CHECK,
            format!("{address} ({setting}): {error}"),
            format!("set {setting} to another address"),
        ),
    }
}

async fn holder(address: SocketAddr) -> Holder {
    let base = format!("http://{}", reachable(address));
    let Ok(client) = ApiClient::new(&base, "", None) else {
        return Holder::Other;
    };
    if let Ok(home) = client.get::<HomeAnswer>("/", &[]).await
        && home.name == "Herald"
    {
        return Holder::Herald(home.version);
    }
    match client.get::<serde_json::Value>("/healthz", &[]).await {
        Ok(alive) if alive == serde_json::json!({ "status": "ok" }) => Holder::PartOfHerald,
        _ => Holder::Other,
    }
}
