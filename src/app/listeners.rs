//! The sockets that Herald serves HTTP on: those that a service manager hands over (systemd's
//! socket activation, sd_listen_fds(3)), else its own.
//!
//! A socket that was handed over stays with the service manager: whoever connects while Herald
//! restarts waits in its queue for the next one.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, bail};
use listenfd::ListenFd;

use crate::config::Config;
use crate::http::ListenerRole;

/// The listeners by role, and whether a service manager holds them.
#[derive(Debug)]
pub(super) struct Listeners {
    /// At least one of them is the API's.
    pub(super) all: Vec<(ListenerRole, TcpListener)>,
    /// The address of the first of the API's.
    pub(super) address: SocketAddr,
    /// The address of the first that serves pages.
    pub(super) pages: SocketAddr,
}

impl Listeners {
    /// The ports on which Herald listens.
    pub(super) fn ports(&self) -> std::io::Result<Vec<u16>> {
        let ports = self.all.iter().map(|(_, listener)| listener.local_addr());
        ports.map(|address| Ok(address?.port())).collect()
    }
}

/// Takes what was handed over and opens the rest. To be called once, before any process is
/// started: it would inherit the sockets.
///
/// # Errors
/// When a socket cannot be used, as text for the operator.
pub(super) fn open(config: &Config) -> anyhow::Result<Listeners> {
    let mut all = inherited(
        &mut ListenFd::from_env(),
        &config.service_manager.socket_names,
    )?;
    if let Some((_, listener)) = all.iter().find(|(role, _)| *role == ListenerRole::Api) {
        let (held, set) = (listener.local_addr()?, config.http.listen);
        tracing::info!(address = %held, "listening on the socket of the service manager");
        if held != set && !is_default(config, "listen") {
            tracing::warn!(
                address = %held, listen = %set,
                "the setting `listen` does not count, because the service manager holds the \
                 socket: change its address there (systemctl edit herald.socket)"
            );
        }
    } else {
        all.push((ListenerRole::Api, bind("listen", config.http.listen)?));
    }
    for (role, setting, address) in [
        (
            ListenerRole::Pages,
            "pages_listen",
            config.http.pages_listen,
        ),
        (
            ListenerRole::Metrics,
            "metrics_listen",
            config.http.metrics_listen,
        ),
    ] {
        let Some(address) = address else { continue };
        if all.iter().any(|(held, _)| *held == role) {
            tracing::warn!(
                setting,
                "the setting does not count, because the service manager holds a socket for it"
            );
            continue;
        }
        let listener = bind(setting, address)?;
        tracing::info!(setting, address = %listener.local_addr()?, "listening separately");
        all.push((role, listener));
    }
    let first = |wanted| {
        let found = all.iter().find(|(role, _)| *role == wanted);
        found.map(|(_, listener)| listener.local_addr()).transpose()
    };
    let address = first(ListenerRole::Api)?.unwrap_or(config.http.listen);
    let pages = first(ListenerRole::Pages)?.unwrap_or(address);
    for (_, listener) in &all {
        listener.set_nonblocking(true)?;
    }
    Ok(Listeners {
        all,
        address,
        pages,
    })
}

/// What was handed over, by the names of the sockets.
fn inherited(
    handed: &mut ListenFd,
    names: &[String],
) -> anyhow::Result<Vec<(ListenerRole, TcpListener)>> {
    let roles = roles(handed.len(), names)?;
    let mut found = Vec::new();
    for (place, role) in roles.into_iter().enumerate() {
        let taken = handed.take_tcp_listener(place).with_context(|| {
            format!(
                "socket {} of those that were handed over cannot be used: it must be a TCP \
                 socket that listens (ListenStream=ADDRESS:PORT in the socket unit)",
                place + 1
            )
        })?;
        if let Some(listener) = taken {
            found.push((role, listener));
        }
    }
    Ok(found)
}

/// What each of so many sockets is for. One alone is the API's, whatever its name.
fn roles(sockets: usize, names: &[String]) -> anyhow::Result<Vec<ListenerRole>> {
    let named = |place: usize| names.get(place).map(String::as_str).and_then(role_of);
    if sockets == 1 {
        return Ok(vec![named(0).unwrap_or(ListenerRole::Api)]);
    }
    (0..sockets)
        .map(|place| match named(place) {
            Some(role) => Ok(role),
            None => bail!(
                "{sockets} sockets were handed over, and number {} has the name `{}`: give each \
                 of them the name http, pages or metrics (FileDescriptorName= in the socket unit)",
                place + 1,
                names.get(place).map_or("", String::as_str)
            ),
        })
        .collect()
}

fn role_of(name: &str) -> Option<ListenerRole> {
    match name {
        "http" => Some(ListenerRole::Api),
        "pages" => Some(ListenerRole::Pages),
        "metrics" => Some(ListenerRole::Metrics),
        _ => None,
    }
}

fn is_default(config: &Config, key: &str) -> bool {
    let mut settings = config.describe();
    settings.any(|(setting, value)| setting.key == key && setting.default == value)
}

fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        let variable = format!("HERALD_{}", setting.to_uppercase());
        format!("cannot listen on {address} (set {variable} to another address)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn sockets_are_told_apart_by_their_names() {
        let given = names(&["metrics", "http", "pages", "http"]);
        let expected = [
            ListenerRole::Metrics,
            ListenerRole::Api,
            ListenerRole::Pages,
            ListenerRole::Api,
        ];
        assert_eq!(roles(4, &given).unwrap(), expected);
        assert_eq!(roles(0, &[]).unwrap(), []);
    }

    #[test]
    fn one_socket_without_a_known_name_is_the_api_s() {
        for given in [names(&[]), names(&["herald.socket"]), names(&["http"])] {
            assert_eq!(roles(1, &given).unwrap(), [ListenerRole::Api]);
        }
        assert_eq!(
            roles(1, &names(&["metrics"])).unwrap(),
            [ListenerRole::Metrics]
        );
    }

    #[test]
    fn several_without_names_are_refused_with_what_to_do() {
        for given in [names(&[]), names(&["http"]), names(&["http", "web"])] {
            let error = roles(2, &given).unwrap_err().to_string();
            assert!(error.contains("number 2") || given.is_empty(), "{error}");
            assert!(error.contains("FileDescriptorName="), "{error}");
        }
    }

    #[test]
    fn without_a_service_manager_nothing_is_handed_over() {
        assert!(inherited(&mut ListenFd::empty(), &[]).unwrap().is_empty());
    }
}
