//! What awc calls for a connection: the target is looked up and judged, then one of the addresses
//! that were judged is connected to, with TLS where the target wants it. TLS is made here, beneath
//! the wire: made by awc, it would lie above.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;

use super::dial::first_that_connects;
use super::failure::{Phase, RequestFailure};
use super::lookup::permitted;
use super::progress::{PROGRESS, RequestProgress};
use super::stream::Stream;
use super::tls::{TlsSettings, handshake};
use super::wire::{Idle, Wire};
use crate::config::Live;
use crate::domain::address::AddressRules;

/// A connection as awc takes it.
type Made = Connection<Uri, Wire<Stream>>;

/// The service that awc calls when its pool has no connection.
pub(super) fn guarded(
    rules: Arc<Live<AddressRules>>,
    tls: TlsSettings,
) -> impl Service<
    ConnectInfo<Uri>,
    Response = Made,
    Error = ConnectError,
    Future = impl Future<Output = Result<Made, ConnectError>>,
> + Clone
+ 'static {
    let idle = Rc::new(Idle::default());
    Rc::new(fn_service(move |info: ConnectInfo<Uri>| {
        let (rules, tls, idle) = (Arc::clone(&rules), Arc::clone(&tls), Rc::clone(&idle));
        // In a box: awc makes room for it with each request, and most find a connection.
        Box::pin(async move {
            // awc itself knows no more of a target than its pool needs.
            let progress = PROGRESS.try_with(Rc::clone);
            let progress = progress.map_err(|_not_a_request| ConnectError::Unresolved)?;
            let stream = connect(&rules.get(), &tls, &progress).await;
            // The only one of awc's errors that carries another.
            let stream = stream.map_err(|failure| ConnectError::Resolver(Box::new(failure)))?;
            let uri = info.request().clone();
            Ok::<_, ConnectError>(Connection::new(uri, Wire::new(stream, &idle)))
        })
    }))
}

/// Notes how long a phase took when it ends, be it by the deadline.
struct Clock<'a> {
    progress: &'a RequestProgress,
    phase: Phase,
    begin: Instant,
}

impl<'a> Clock<'a> {
    fn of(phase: Phase, progress: &'a RequestProgress) -> Self {
        progress.phase.set(Some(phase));
        Self {
            progress,
            phase,
            begin: Instant::now(),
        }
    }
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        match self.phase {
            Phase::Resolve => self.progress.resolve.set(self.begin.elapsed()),
            _ => self.progress.connect.set(self.begin.elapsed()),
        }
    }
}

async fn connect(
    rules: &AddressRules,
    tls: &TlsSettings,
    progress: &RequestProgress,
) -> Result<Stream, RequestFailure> {
    let target = &*progress.target;
    let resolving = Clock::of(Phase::Resolve, progress);
    let addresses = permitted(rules, target).await?;
    drop(resolving);
    let connecting = Clock::of(Phase::Connect, progress);
    let stream = first_that_connects(&addresses).await?;
    drop(connecting);
    let stream = if target.is_https() {
        progress.phase.set(Some(Phase::Handshake));
        let (stream, asked) = handshake(tls, &target.host(), stream).await?;
        let stream = Box::new(stream);
        Stream::Tls { stream, asked }
    } else {
        Stream::Plain(stream)
    };
    progress.phase.set(None);
    Ok(stream)
}
