//! The HTTP server: its listeners by role, its settings, and the routes made from the table.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol, Request};
use actix_service::{IntoServiceFactory, Service, ServiceFactoryExt, apply_fn_factory, map_config};
use actix_web::dev::{AppConfig, Server, ServiceResponse};
use actix_web::middleware::Compress;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error};
use futures_util::future::Either;
use tokio::net::TcpStream;

use super::access::{RoutePart, Table};
use super::answer::{ResponseBody, Underway};
use super::auth_middleware::{AuthMiddleware, CallerJudge};
use super::closing::{Closer, Closing, UNDER_WAY};
use super::connection::{self, ClientConnection};
use super::connections::Connections;
use super::metrics::{Requests, measured};
use super::outermost;
use super::passwords::Passwords;
use super::problem::{ProblemDetails, ProblemKind};
use super::room::BodyRoom;
use super::routes::{TABLE, document};
use super::rules::HttpRules;
use super::session::Sessions;
use super::shared::ServerContext;
use super::site::{Site, SiteSettings};
use crate::actors::Engine;
use crate::domain::id::RequestId;
use crate::service::callers::Callers;
use crate::service::{Directory, request};

/// How long a closing connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the server needs to know.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Threads that serve, at least 1.
    pub workers: usize,
    /// How browsers see Herald.
    pub site: SiteSettings,
    /// What may change while it runs.
    pub rules: HttpRules,
}

/// What a listener is for. The API's serves also what has no listener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerRole {
    /// `/v1` and its document.
    Api,
    /// The pages, for browsers.
    Pages,
    /// `/metrics`.
    Metrics,
}

/// What is served on one listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    api: bool,
    pages: bool,
    metrics: bool,
}

impl Served {
    /// What a listener of that role serves beside listeners of these roles.
    fn on(role: ListenerRole, all: &[ListenerRole]) -> Self {
        let here = |part| role == part || role == ListenerRole::Api && !all.contains(&part);
        Self {
            api: role == ListenerRole::Api,
            pages: here(ListenerRole::Pages),
            metrics: here(ListenerRole::Metrics),
        }
    }

    /// Whether that part of the table is there.
    #[must_use]
    pub(super) const fn has(self, part: RoutePart) -> bool {
        match part {
            RoutePart::Api => self.api,
            RoutePart::Pages => self.pages,
            RoutePart::Metrics => self.metrics,
            RoutePart::Health => true,
        }
    }
}

/// Serves the API, the pages and the metrics, each on the listeners of its role. It runs when
/// awaited or spawned, heeds no signals, and is ended by the [`Closer`]. To be called inside of
/// the runtime.
///
/// # Errors
/// When a listener cannot be used.
pub fn server(
    listeners: Vec<(ListenerRole, TcpListener)>,
    engine: Engine,
    settings: HttpSettings,
) -> std::io::Result<(Server, Closer)> {
    let closing = Closing::new();
    let connections = Connections::new(settings.rules.clone());
    let callers = Callers::start(engine.database().clone(), settings.rules.rates().clone());
    let base = settings.site.base.clone();
    let site = Site::new(settings.site, settings.rules.clone());
    let shared = ServerContext {
        connections: connections.clone(),
        room: BodyRoom::default(),
        malformed: Arc::default(),
        directory: Directory::of_daemon(engine.clone(), Arc::clone(&callers), base),
        callers,
        sessions: Arc::new(Sessions::new(engine.database().clone(), site)),
        passwords: Passwords::new(),
        rules: settings.rules.clone(),
        requests: Arc::new(Requests::new(Table(TABLE))),
        loops: Arc::default(),
        closing: closing.clone(),
        table: Table(TABLE),
        document,
        engine,
    };
    let roles: Vec<ListenerRole> = listeners.iter().map(|(role, _)| *role).collect();
    // What `HttpServer` does, with the listener's role at hand.
    let mut builder = Server::build()
        .workers(settings.workers)
        .shutdown_timeout(UNDER_WAY.as_secs())
        // Each connection is taken at once, and judged then: a client in the queue would not know
        // why it waits.
        .max_concurrent_connections(usize::MAX >> 1)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    for (role, listener) in listeners {
        let address = listener.local_addr()?;
        let served = Served::on(role, &roles);
        let shared = shared.clone();
        let stopping = stopping.clone();
        let (connections, rules) = (connections.clone(), settings.rules.clone());
        builder = builder.listen(format!("{role:?}"), listener, move || {
            let shared = shared.clone();
            let stopping = stopping.clone();
            let worker = shared.requests.worker();
            let (malformed, carried) = (Arc::clone(&shared.malformed), connections.clone());
            let closing = shared.closing.clone();
            let (marks, errors, requests) = (closing.clone(), closing.clone(), closing.clone());
            let app = App::new()
                .wrap(AuthMiddleware {
                    table: shared.table,
                    judge: Rc::new(CallerJudge {
                        callers: Arc::clone(&shared.callers),
                        sessions: Arc::clone(&shared.sessions),
                        connections: shared.connections.clone(),
                    }),
                    served,
                })
                // Around all others: what they refuse counts as well.
                .wrap_fn(move |request, service| measured(&worker, request, service))
                .app_data(web::Data::new(shared))
                .configure(routes)
                .into_factory()
                .map(move |mut answer: ServiceResponse<_>| {
                    let of_api = answer.request().path().starts_with("/v1");
                    let unkept = of_api || answer.status().as_u16() >= 400;
                    outermost::add(answer.headers_mut(), unkept);
                    marks.mark(answer.response_mut());
                    answer
                })
                .map_err(move |error: Error| {
                    let mut answer = error.error_response();
                    outermost::add(answer.headers_mut(), true);
                    errors.mark(&mut answer);
                    answer
                });
            let app = map_config(app, |()| AppConfig::default());
            // The connection knows when a request is being answered.
            let app = apply_fn_factory(app, move |request: Request, service| {
                let asked = requests.asked();
                let underway = Underway::begin(&request);
                let answer = request::answering(RequestId::fresh(), service.call(request));
                let proxy = underway.life().is_some_and(|life| life.is_proxy());
                let carried = proxy.then(|| carried.clone());
                async move {
                    let answer = answer.await;
                    if let Some(life) = underway.life() {
                        life.end();
                        if let Some(carried) = carried {
                            carried.put_down(life);
                        }
                    }
                    drop(asked);
                    answer
                        .map(|answer| answer.map_body(|_, body| ResponseBody::new(body, underway)))
                }
            });
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                // The connection judges which client is idle or slow.
                .keep_alive(KeepAlive::Os)
                .client_request_timeout(Duration::ZERO)
                .client_disconnect_timeout(CLOSE_TIMEOUT)
                .local_addr(address)
                .on_connect_ext(|connection: &ClientConnection, data| {
                    data.insert(Arc::clone(connection.life()));
                })
                .finish(app);
            let (connections, rules) = (connections.clone(), rules.clone());
            apply_fn_factory(http, move |stream: TcpStream, http| {
                // The end of an answer in several writes would wait for the client's delayed
                // acknowledgement of its beginning.
                let _ = stream.set_nodelay(true);
                let connected = closing.connected();
                let peer = stream.peer_addr().ok();
                let served = match connections.enter(peer) {
                    Ok(place) => {
                        let connection = ClientConnection::new(stream, place, rules.clone());
                        Either::Left(http.call((connection, Protocol::Http1, peer)))
                    }
                    Err(why) => {
                        connections.refused(why);
                        let id = RequestId::fresh();
                        tracing::debug!(request_id = %id, ?peer, ?why, "a connection is refused");
                        Either::Right(Box::pin(connection::refuse(stream, why, id)))
                    }
                };
                let malformed = Arc::clone(&malformed);
                async move {
                    let ended = match served {
                        Either::Left(served) => {
                            served.await.inspect_err(|why| malformed.ended(peer, why))
                        }
                        Either::Right(refused) => {
                            refused.await;
                            Ok(())
                        }
                    };
                    drop(connected);
                    ended
                }
            })
        })?;
    }
    let server = builder.run();
    let handle = server.handle();
    Ok((server, Closer { closing, handle }))
}

/// Makes the routes of the table, one resource for each path.
pub(super) fn routes(service: &mut ServiceConfig) {
    for (place, entry) in TABLE.iter().enumerate() {
        let mut earlier = TABLE.iter().take(place);
        if earlier.any(|other| other.pattern == entry.pattern) {
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
    let nothing = || ProblemDetails::new(ProblemKind::NotFound, "There is nothing at this path.");
    service.default_service(web::to(move || async move { Err::<&str, _>(nothing()) }));
}
