//! Connecting to permitted addresses only: look the host up once, judge every address, connect
//! to one of those that were judged. IP literals take the same way, so that no notation gets
//! around the rules.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use tokio::net::TcpStream;

use super::failure::{Failure, Phase, io_words};
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::domain::target::{Target, TargetError};

/// How far a request came and how long its phases took.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) resolve: Cell<Duration>,
    pub(super) connect: Cell<Duration>,
    /// Set while a phase before the request itself runs.
    pub(super) phase: Cell<Option<Phase>>,
}

tokio::task_local! {
    /// The request for which a connection is made. The pool connects within the request's own
    /// future, so a task-local reaches the connector.
    pub(super) static PROGRESS: Rc<Progress>;
}

/// The service that awc calls when its pool has no connection.
pub(super) fn guarded(
    rules: Arc<Live<AddressRules>>,
) -> impl Service<
    ConnectInfo<Uri>,
    Response = Connection<Uri, TcpStream>,
    Error = ConnectError,
    Future = impl Future<Output = Result<Connection<Uri, TcpStream>, ConnectError>>,
> + Clone
+ 'static {
    Rc::new(fn_service(move |info: ConnectInfo<Uri>| {
        let rules = Arc::clone(&rules);
        async move {
            let uri = info.request().clone();
            let stream = connect(&rules.get(), &uri)
                .await
                .map_err(|failure| ConnectError::Resolver(Box::new(failure)))?;
            Ok::<_, ConnectError>(Connection::new(uri, stream))
        }
    }))
}

fn progress<R>(with: impl FnOnce(&Progress) -> R) -> Option<R> {
    PROGRESS.try_with(|progress| with(progress)).ok()
}

async fn connect(rules: &AddressRules, uri: &Uri) -> Result<TcpStream, Failure> {
    let begin = Instant::now();
    progress(|progress| progress.phase.set(Some(Phase::Resolve)));
    let target = Target::parse(&uri.to_string())?;
    let addresses = resolve(&target).await?;
    let judged: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    rules.vet(&target, &judged)?;
    let resolved = Instant::now();
    progress(|progress| {
        progress.resolve.set(resolved - begin);
        progress.phase.set(Some(Phase::Connect));
    });
    let stream = first_that_connects(&addresses).await?;
    progress(|progress| {
        progress.connect.set(resolved.elapsed());
        progress.phase.set(None);
    });
    Ok(stream)
}

/// The addresses of a target's host; an IP literal is its own.
///
/// # Errors
/// When the host has none.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let port = target.port();
    let unresolved = |host: &str, detail: String| Failure::Unresolved {
        host: host.to_owned(),
        detail,
    };
    match target.host() {
        url::Host::Ipv4(address) => Ok(vec![SocketAddr::from((address, port))]),
        url::Host::Ipv6(address) => Ok(vec![SocketAddr::from((address, port))]),
        url::Host::Domain(name) => {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, port))
                .await
                .map_err(|error| unresolved(name, error.to_string()))?
                .collect();
            if found.is_empty() {
                return Err(unresolved(name, "it has no address".to_owned()));
            }
            Ok(found)
        }
    }
}

pub(super) async fn first_that_connects(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is written at once; waiting for more would only delay it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                last = Some(Failure::Unreachable {
                    address: address.to_string(),
                    detail: io_words(&error),
                });
            }
        }
    }
    Err(last.unwrap_or_else(|| Failure::Unreachable {
        address: "the target".to_owned(),
        detail: "no address".to_owned(),
    }))
}

/// Looks a target up and judges its addresses, as each attempt will: for who wants to refuse a
/// target before anything is sent to it.
///
/// # Errors
/// When the host is not found within 2 s, or an address is forbidden.
pub async fn check_target(rules: &AddressRules, target: &Target) -> Result<(), CheckFailure> {
    const BOUND: Duration = Duration::from_secs(2);
    let addresses = tokio::time::timeout(BOUND, resolve(target))
        .await
        .map_err(|_elapsed| CheckFailure::Unresolved("no answer within 2 s".to_owned()))?
        .map_err(|failure| CheckFailure::Unresolved(failure.to_string()))?;
    let judged: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    rules.vet(target, &judged).map_err(CheckFailure::Forbidden)
}

/// Why a target fails [`check_target`].
#[derive(Debug, thiserror::Error)]
pub enum CheckFailure {
    /// Its host was not found; that may change.
    #[error("{0}")]
    Unresolved(String),
    /// A rule forbids it.
    #[error(transparent)]
    Forbidden(TargetError),
}
