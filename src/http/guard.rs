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

use super::access::{Access, Entry, Part, Table};
use super::connections::Connections;
use super::life::Life;
use super::pages::overview::is_wanted;
use super::pages::{Trouble, sign_in_first};
use super::problem::{Kind, Problem};
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
pub(super) struct Guard {
    /// What there is.
    pub table: Table,
    /// What callers are judged by.
    pub judge: Rc<Judge>,
    /// What is served here.
    pub served: Served,
}

/// The account of who was let in.
type Admitted = Result<Option<AccountId>, Problem>;

/// What callers are judged by.
pub(super) struct Judge {
    /// Who is who.
    pub callers: Arc<Callers>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Who is connected.
    pub connections: Connections,
}

impl<S, B> Transform<S, ServiceRequest> for Guard
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
    judge: Rc<Judge>,
    served: Served,
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    // Who is known costs no allocation here.
    type Future = Either<S::Future, LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        if request.method() == Method::HEAD {
            // Whatever can be got can be asked for its head; the server leaves the body out.
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
            return refuse(Problem::new(Kind::Unauthorized, "Nobody is signed in."));
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
                    let caller = caller.map_err(Problem::from)?;
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
    /// as they reach it, unless the operator says which ones there are; balancers that ask after
    /// Herald's health say what they like.
    fn for_us(&self, entry: &Entry, request: &ServiceRequest) -> Result<(), Problem> {
        let site = &self.judge.sessions.site;
        match entry.part() {
            Part::Health => Ok(()),
            Part::Api if entry.access != Access::Public && !site.names_api() => Ok(()),
            _ => site.answers_to(request.headers().get(HOST)),
        }
    }
}

/// Has a request of an account handled. What only reads is bounded.
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

impl Judge {
    /// Judges a request by its session, and attaches who it is for the handler. Returns the
    /// account. A form has the proof in its body, which its handler reads.
    async fn admit(&self, request: &ServiceRequest, entry: &Entry) -> Admitted {
        let is_page = entry.access.is_page();
        if is_page && request.headers().contains_key(AUTHORIZATION) {
            let detail = "Pages are for browsers: sign in, or use /v1 with the token.";
            return Err(Problem::new(Kind::Unauthorized, detail));
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

    /// Counts what a proxy forwards for the client that sends it, as long as nobody knows who
    /// that is.
    fn carry(&self, request: &ServiceRequest) -> Result<(), Problem> {
        if let Some(life) = request.conn_data::<Arc<Life>>()
            && life.is_proxy()
        {
            let client = self.sessions.site.client(request.request());
            self.connections.carry(life, client, false)?;
        }
        Ok(())
    }

    /// The caller was accepted.
    fn know(&self, request: &ServiceRequest) {
        if let Some(life) = request.conn_data::<Arc<Life>>() {
            self.connections.know(life);
        }
    }
}

/// What somebody gets who may not see a page: the way to the sign-in, or an error as a page.
async fn turn_away(request: ServiceRequest, problem: Problem) -> Error {
    if problem.kind() == Kind::Unauthorized && is_wanted(request.request()) {
        let (request, payload) = request.into_parts();
        return sign_in_first(&request, payload).await.into();
    }
    Trouble::from(problem).into()
}

fn refuse<F, B: 'static>(
    problem: Problem,
) -> Either<F, LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>> {
    Either::Right(ready(Err(problem.into())).boxed_local())
}

fn credentials(request: &ServiceRequest) -> Credentials<'_> {
    let headers = request.headers();
    // A header that is no text names nobody.
    let authorization = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let account = headers.get(ACCOUNT).map(|v| v.to_str().unwrap_or_default());
    Credentials {
        authorization,
        account,
    }
}

/// The request's line in the table, if it is served here.
fn find(request: &ServiceRequest, table: Table, served: Served) -> Result<&'static Entry, Problem> {
    let nothing = || Problem::new(Kind::NotFound, "There is nothing at this path.");
    // No name holds the character 0, which PostgreSQL's texts cannot.
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
        return Err(Problem::method_not_allowed(methods.join(", ")));
    };
    if !served.has(entry.part()) {
        return Err(nothing());
    }
    let asks = entry.operation.as_ref().is_none_or(|it| (it.asks)());
    if !asks
        && !request.query_string().is_empty()
        && matches!(entry.part(), Part::Api | Part::Metrics)
    {
        // Nobody reads it, so that whoever sent it is mistaken.
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        NoQuery::ask(query)?;
    }
    Ok(entry)
}
