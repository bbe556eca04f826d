//! What awc calls for a connection: the target is looked up and judged, then one of the addresses
//! that were judged is connected to.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use tokio::net::TcpStream;

use super::dial::first_that_connects;
use super::failure::{Failure, Phase};
use super::lookup::permitted;
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::domain::target::Target;

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

/// Notes how long a phase took when it ends, be it by the deadline.
struct Clock {
    progress: Option<Rc<Progress>>,
    phase: Phase,
    begin: Instant,
}

impl Clock {
    fn of(phase: Phase) -> Self {
        let progress = PROGRESS.try_with(Rc::clone).ok();
        if let Some(progress) = &progress {
            progress.phase.set(Some(phase));
        }
        Self {
            progress,
            phase,
            begin: Instant::now(),
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let Some(progress) = &self.progress else {
            return;
        };
        match self.phase {
            Phase::Resolve => progress.resolve.set(self.begin.elapsed()),
            _ => progress.connect.set(self.begin.elapsed()),
        }
    }
}

async fn connect(rules: &AddressRules, uri: &Uri) -> Result<TcpStream, Failure> {
    let resolving = Clock::of(Phase::Resolve);
    let target = Target::parse(&uri.to_string())?;
    let addresses = permitted(rules, &target).await?;
    drop(resolving);
    let connecting = Clock::of(Phase::Connect);
    let stream = first_that_connects(&addresses).await?;
    if let Some(progress) = &connecting.progress {
        progress.phase.set(None);
    }
    Ok(stream)
}
