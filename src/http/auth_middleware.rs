//! The middleware before every handler: finds the request's line in the table, judges the
//! caller (a token, else a session) by it, and hands the caller on. What has no line is refused.
//! A caller that was accepted makes its connection known.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_service::{Service, Transform};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HOST};
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture};

use super::access::{Access, RouteEntry, RoutePart, Table};
use super::connections::Connections;
use super::life::Life;
use super::pages::overview::is_wanted;
use super::pages::{Trouble, sign_in_first};
use super::problem::{ProblemDetails, ProblemKind};
use super::server::Served;
use super::session::{self, Sessions, no_proof};
use super::visitor::Visitor;
use crate::domain::id::AccountId;
use crate::service::callers::{Callers, Credentials, Quick};
use crate::service::input::{Input, NoQuery};
use crate::store::reading;

/// The header by which an operator-wide token names an account.
const ACCOUNT: &str = "herald-account";

/// Makes the middleware.
pub(super) struct AuthMiddleware {
    /// The routes.
    pub table: Table,
    /// What callers are judged by.
    pub judge: Rc<CallerJudge>,
    /// What is served here.
    pub served: Served,
}

/// The account of a caller that was let in.
type Admitted = Result<Option<AccountId>, ProblemDetails>;

/// What callers are judged by.
pub(super) struct CallerJudge {
    /// Who is who.
    pub callers: Arc<Callers>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Who is connected.
    pub connections: Connections,
}

impl<S, B> Transform<S, ServiceRequest> for AuthMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Guarded<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Guarded {
            table: self.table,
            service: Rc::new(service),
            judge: Rc::clone(&self.judge),
            served: self.served,
        }))
    }
}

/// The middleware around a worker's handlers.
pub(super) struct Guarded<S> {
    table: Table,
    service: Rc<S>,
    judge: Rc<CallerJudge>,
    served: Served,
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    // A known caller costs no allocation here.
    type Future = Either<S::Future, LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        if request.method() == Method::HEAD {
            // Each route of GET takes HEAD as well; the server leaves the body out.
            request.head_mut().method = Method::GET;
        }
        let found = find(&request, self.table, self.served);
        let entry = match found.and_then(|entry| self.for_us(entry, &request).map(|()| entry)) {
            Ok(entry) => entry,
            Err(problem) if is_wanted(request.request()) && !request.path().starts_with("/v1") => {
                let page = Trouble::from(problem);
                return Either::Right(ready(Err(page.into())).boxed_local());
            }
            Err(problem) => return refuse(problem),
        };
        if entry.access == Access::Public {
            return match self.judge.carry(&request) {
                Ok(()) => Either::Left(self.service.call(request)),
                Err(problem) => refuse(problem),
            };
        }
        let is_page = entry.access.is_page();
        let by_session = !request.headers().contains_key(AUTHORIZATION)
            && session::has_cookie(request.request());
        if is_page || by_session {
            let (service, judge) = (Rc::clone(&self.service), Rc::clone(&self.judge));
            let asked = async move {
                match judge.admit(&request, entry).await {
                    Ok(account) => serve(&*service, request, account).await,
                    Err(problem) if is_page => Err(turn_away(request, problem).await),
                    Err(problem) => Err(problem.into()),
                }
            };
            return Either::Right(asked.boxed_local());
        }
        if entry.access == Access::SignedIn {
            return refuse(ProblemDetails::new(
                ProblemKind::Unauthorized,
                "Nobody is signed in.",
            ));
        }
        let callers = &self.judge.callers;
        match callers.quick(entry.need(), &credentials(&request)) {
            Ok(Quick::Granted(caller)) => {
                self.judge.know(&request);
                let account = caller.account;
                request.extensions_mut().insert(caller);
                if *request.method() == Method::GET {
                    let service = Rc::clone(&self.service);
                    let read = async move { serve(&*service, request, account).await };
                    return Either::Right(read.boxed_local());
                }
                Either::Left(self.service.call(request))
            }
            Ok(Quick::Ask(hash)) => {
                let (service, judge) = (Rc::clone(&self.service), Rc::clone(&self.judge));
                let asked = async move {
                    judge.carry(&request)?;
                    let account = credentials(&request).account;
                    let caller = judge.callers.ask(entry.need(), hash, account).await;
                    let caller = caller.map_err(ProblemDetails::from)?;
                    judge.know(&request);
                    let account = caller.account;
                    request.extensions_mut().insert(caller);
                    serve(&*service, request, account).await
                };
                Either::Right(asked.boxed_local())
            }
            Err(refusal) => refuse(refusal.into()),
        }
    }
}

impl<S> Guarded<S> {
    /// A name that is not Herald's may be an attacker's that resolves to this machine: the
    /// browser would hand the answers to the attacker's page. Programs with a token name the host
    /// as they reach it, unless the operator lists the names; balancers that check Herald's health
    /// may use any name.
    fn for_us(&self, entry: &RouteEntry, request: &ServiceRequest) -> Result<(), ProblemDetails> {
        let site = &self.judge.sessions.site;
        match entry.part() {
            RoutePart::Health => Ok(()),
            RoutePart::Api if entry.access != Access::Public && !site.names_api() => Ok(()),
            _ => site.answers_to(request.headers().get(HOST)),
        }
    }
}

/// Passes a request of an account to its handler. Requests that only read are bounded.
async fn serve<S: Service<ServiceRequest>>(
    service: &S,
    request: ServiceRequest,
    account: Option<AccountId>,
) -> Result<S::Response, S::Error> {
    if *request.method() == Method::GET {
        return reading(account, service.call(request)).await;
    }
    service.call(request).await
}

impl CallerJudge {
    /// Judges a request by its session, and attaches the user for the handler. Returns the
    /// account. A form has the proof in its body, which its handler reads.
    async fn admit(&self, request: &ServiceRequest, entry: &RouteEntry) -> Admitted {
        let is_page = entry.access.is_page();
        if is_page && request.headers().contains_key(AUTHORIZATION) {
            let detail = "Pages are for browsers: sign in, or use /v1 with the token.";
            return Err(ProblemDetails::new(ProblemKind::Unauthorized, detail));
        }
        self.carry(request)?;
        let signed_in = self.sessions.judge(request.request()).await?;
        self.know(request);
        if entry.access == Access::SignedIn {
            let account = signed_in.session.account();
            session::attach(request.request(), signed_in);
            return Ok(Some(account));
        }
        if !is_page && *request.method() != Method::GET && !signed_in.proved {
            return Err(no_proof());
        }
        let (session, named) = (Arc::clone(&signed_in.session), credentials(request).account);
        let caller = self.callers.of_user(entry.need(), session, named).await?;
        let account = caller.account;
        if is_page {
            request.extensions_mut().insert(Visitor(caller));
            session::attach(request.request(), signed_in);
        } else {
            request.extensions_mut().insert(caller);
        }
        Ok(account)
    }

    /// Counts a request that a proxy forwards for the client that sends it, until its caller is
    /// known.
    fn carry(&self, request: &ServiceRequest) -> Result<(), ProblemDetails> {
        if let Some(life) = request.conn_data::<Arc<Life>>()
            && life.is_proxy()
        {
            let client = self.sessions.site.client(request.request());
            self.connections.carry(life, client, false)?;
        }
        Ok(())
    }

    /// Notes that the caller was accepted.
    fn know(&self, request: &ServiceRequest) {
        if let Some(life) = request.conn_data::<Arc<Life>>() {
            self.connections.know(life);
        }
    }
}

/// Answers somebody who may not see a page: with the way to the sign-in, or an error as a page.
async fn turn_away(request: ServiceRequest, problem: ProblemDetails) -> Error {
    if problem.kind() == ProblemKind::Unauthorized && is_wanted(request.request()) {
        let (request, payload) = request.into_parts();
        return sign_in_first(&request, payload).await.into();
    }
    Trouble::from(problem).into()
}

fn refuse<F, B: 'static>(
    problem: ProblemDetails,
) -> Either<F, LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>> {
    Either::Right(ready(Err(problem.into())).boxed_local())
}

fn credentials(request: &ServiceRequest) -> Credentials<'_> {
    let headers = request.headers();
    // A header that is not text names nobody.
    let authorization = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let account = headers.get(ACCOUNT).map(|v| v.to_str().unwrap_or_default());
    Credentials {
        authorization,
        account,
    }
}

/// The request's line in the table, if it is served here.
fn find(
    request: &ServiceRequest,
    table: Table,
    served: Served,
) -> Result<&'static RouteEntry, ProblemDetails> {
    let nothing = || ProblemDetails::new(ProblemKind::NotFound, "There is nothing at this path.");
    // No name holds the character 0, which PostgreSQL cannot store.
    if request.path().contains("%00") {
        return Err(nothing());
    }
    let found = table.place(request).and_then(|place| table.0.get(place));
    let Some(entry) = found else {
        let pattern = request.match_pattern().ok_or_else(nothing)?;
        let methods = table.methods(&pattern);
        if methods.is_empty() {
            return Err(nothing());
        }
        return Err(ProblemDetails::method_not_allowed(methods.join(", ")));
    };
    if !served.has(entry.part()) {
        return Err(nothing());
    }
    let asks = entry.operation.as_ref().is_none_or(|it| (it.asks)());
    if !asks
        && !request.query_string().is_empty()
        && matches!(entry.part(), RoutePart::Api | RoutePart::Metrics)
    {
        // The handler reads no query, so whoever sent one is mistaken.
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        NoQuery::ask(query)?;
    }
    Ok(entry)
}
