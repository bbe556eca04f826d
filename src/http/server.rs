//! The HTTP server: its settings, and the routes made from the table.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::Compress;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};

use super::access::TABLE;
use super::auth::Authenticator;
use super::guard::Guard;
use super::metrics::{Requests, measured};
use super::passwords::Passwords;
use super::problem::{Kind, Problem};
use super::session::Sessions;
use super::site::{Site, SiteSettings};
use crate::actors::Engine;

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server needs to know.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Threads that serve, at least 1.
    pub workers: usize,
    /// Seconds that a stopping server gives to what is under way.
    pub shutdown_seconds: u64,
    /// How browsers see Herald.
    pub site: SiteSettings,
}

/// What every handler can reach.
#[derive(Clone)]
pub(super) struct Shared {
    /// The actors and the database.
    pub engine: Engine,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// The turns at hashing passwords.
    pub passwords: Passwords,
    /// What was answered, for the metrics.
    pub requests: Arc<Requests>,
}

/// Serves the API on a listener. It runs when awaited or spawned, heeds no signals, and is
/// stopped by its handle. To be called inside of the runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn server(
    listener: TcpListener,
    engine: Engine,
    settings: HttpSettings,
) -> std::io::Result<Server> {
    let shared = Shared {
        authenticator: Authenticator::start(engine.database().clone()),
        sessions: Arc::new(Sessions::new(
            engine.database().clone(),
            Site::new(settings.site),
        )),
        passwords: Passwords::new(),
        requests: Arc::default(),
        engine,
    };
    let passwords = shared.passwords.clone();
    actix_web::rt::spawn(async move { passwords.prepare().await });
    let server = HttpServer::new(move || {
        let worker = shared.requests.worker();
        App::new()
            .wrap(Guard(
                Arc::clone(&shared.authenticator),
                Arc::clone(&shared.sessions),
            ))
            // Around all others: what they refuse counts as well.
            .wrap_fn(move |request, service| measured(&worker, request, service))
            .app_data(web::Data::new(shared.clone()))
            .configure(routes)
    })
    .workers(settings.workers)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(settings.shutdown_seconds)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Makes the routes of the table, one resource for each path.
pub(super) fn routes(service: &mut ServiceConfig) {
    for (place, entry) in TABLE.iter().enumerate() {
        let earlier = TABLE.iter().take(place);
        if earlier
            .into_iter()
            .any(|other| other.pattern == entry.pattern)
        {
            continue;
        }
        let same = TABLE.iter().filter(|other| other.pattern == entry.pattern);
        let resource = same.fold(web::resource(entry.pattern), |resource, line| {
            let route = (line.route)();
            resource.route(if line.is_list() {
                route.wrap(Compress::default())
            } else {
                route
            })
        });
        if entry.is_packed() {
            service.service(resource.wrap(Compress::default()));
        } else {
            service.service(resource);
        }
    }
    service.default_service(web::to(|| async {
        Err::<&str, _>(Problem::new(
            Kind::NotFound,
            "There is nothing at this path.",
        ))
    }));
}
