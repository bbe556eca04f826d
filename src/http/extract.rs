//! What a handler takes: who calls, the parts of the path, the query, the body.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::body::{self, MAX_OBJECT};
use super::idempotency::{self, KeyHeader};
use super::operation::{OperationDescription, Takes};
use super::problem::{ProblemDetails, ProblemKind};
use super::shared::ServerContext;
use crate::domain::activity::Actor;
use crate::domain::id::AccountId;
use crate::service::Context;
use crate::service::callers::Caller;
use crate::service::input::{Input, InputField, NamedSchema, ReadInput, parse};
use crate::service::making::{Making, RequestKey};

impl Takes for Data<ServerContext> {}
impl Takes for HttpRequest {}
impl Takes for Asker {}
impl Takes for In {}

/// A request about the things of the server, or about those of an account that it may name: for
/// routes of `Scope::Server` and `Scope::Either`.
pub(super) struct Asker {
    /// What every handler can reach.
    pub shared: Data<ServerContext>,
    /// Who asks.
    pub caller: Caller,
}

impl FromRequest for Asker {
    type Error = ProblemDetails;
    type Future = Ready<Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shared = request.app_data::<Data<ServerContext>>().cloned();
        let caller = request.extensions().get::<Caller>().cloned();
        let asker = shared.zip(caller).ok_or_else(no_caller);
        ready(asker.map(|(shared, caller)| Self { shared, caller }))
    }
}

/// A request about the things of an account, for routes of `Scope::Account`.
pub(super) struct In {
    /// What every handler can reach.
    pub shared: Data<ServerContext>,
    /// The account that it acts in.
    pub account: AccountId,
    /// Who asks.
    pub caller: Caller,
}

impl In {
    /// What operations need.
    pub(super) fn cx(&self) -> Context<'_> {
        Context {
            engine: &self.shared.engine,
            account: self.account,
            caller: &self.caller,
        }
    }
}

impl FromRequest for In {
    type Error = ProblemDetails;
    type Future = Ready<Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let asker = Asker::from_request(request, payload).into_inner();
        ready(asker.and_then(|Asker { shared, caller }| {
            let account = caller.account.ok_or_else(no_caller)?;
            Ok(Self {
                shared,
                account,
                caller,
            })
        }))
    }
}

/// The table says that a handler is public, but the handler needs a caller: nobody gets in by that.
fn no_caller() -> ProblemDetails {
    ProblemDetails::new(ProblemKind::Unauthorized, "A token is needed.")
}

/// The variable parts of the path, in their order. What cannot be read is not there.
#[derive(Debug)]
pub(super) struct Path<T>(pub T);

/// What the variable parts of a path are read as.
pub(super) trait Parts: Sized {
    fn read<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Self, String>;
    fn describe(described: &mut OperationDescription);
}

impl<T: InputField> Parts for T {
    fn read<'a>(mut parts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        parse(parts.next().unwrap_or_default())
    }

    fn describe(described: &mut OperationDescription) {
        described.path.push(T::schema());
    }
}

impl<A: InputField, B: InputField> Parts for (A, B) {
    fn read<'a>(mut parts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let first = <A as Parts>::read(&mut parts)?;
        Ok((first, <B as Parts>::read(parts)?))
    }

    fn describe(described: &mut OperationDescription) {
        <A as Parts>::describe(described);
        <B as Parts>::describe(described);
    }
}

impl<T: Parts> FromRequest for Path<T> {
    type Error = ProblemDetails;
    type Future = Ready<Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = T::read(request.match_info().iter().map(|(_, part)| part));
        let read = read.map(Self);
        ready(read.map_err(|why| {
            ProblemDetails::new(ProblemKind::NotFound, format!("Not found: {why}."))
        }))
    }
}

impl<T: Parts> Takes for Path<T> {
    fn describe(described: &mut OperationDescription) {
        T::describe(described);
        described.refusals.push(404);
    }
}

/// The query.
#[derive(Debug)]
pub(super) struct QueryInput<T>(pub T);

impl<T: Input> FromRequest for QueryInput<T> {
    type Error = ProblemDetails;
    type Future = Ready<Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        ready(T::ask(query).map(Self).map_err(ProblemDetails::from))
    }
}

impl<T: Input> Takes for QueryInput<T> {
    const ASKS: bool = true;

    fn describe(described: &mut OperationDescription) {
        let schema = T::schema();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let mut schema = schema.as_object().cloned().unwrap_or_default();
            let description = schema.remove("description");
            if schema.get("type").is_some_and(|it| it == "string") {
                schema.entry("minLength").or_insert_with(|| 1.into());
            }
            if schema.contains_key("anyOf") {
                // A time that can be read may still lie too far away.
                described.refusals.push(422);
            }
            described.parameters.push(json!({
                "name": name, "in": "query", "required": false,
                "description": description, "schema": schema,
            }));
        }
    }
}

/// The body, a JSON object of at most `LIMIT` bytes. Whoever reads it may find more faults in what
/// has to be looked up.
pub(super) struct Begun<T: Input, const LIMIT: usize = MAX_OBJECT>(pub ReadInput<T>);

impl<T: Input + 'static, const LIMIT: usize> FromRequest for Begun<T, LIMIT> {
    type Error = ProblemDetails;
    type Future = LocalBoxFuture<'static, Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let body = body::read(&request, payload, LIMIT).await?;
            Ok(Self(body::begin(&body)?))
        }
        .boxed_local()
    }
}

impl<T: Input, const LIMIT: usize> Takes for Begun<T, LIMIT> {
    fn describe(described: &mut OperationDescription) {
        let schema = described.taken::<T>();
        let required = T::schema().get("required").cloned();
        let needed = required.is_some_and(|it| it.as_array().is_some_and(|it| !it.is_empty()));
        described.body = Some(json!({
            "required": needed, "content": { "application/json": { "schema": schema } },
        }));
        described.refusals.extend(BODY);
    }
}

/// Statuses of the refusals of a body.
const BODY: [u16; 4] = [408, 413, 415, 422];

/// The body of a request that makes something, as of [`Begun`], and its idempotency key.
pub(super) struct Keyed<T: Input, const LIMIT: usize = MAX_OBJECT> {
    input: ReadInput<T>,
    key: Option<RequestKey>,
}

impl<T: Input, const LIMIT: usize> Keyed<T, LIMIT> {
    /// The body, and who makes something of it.
    pub(super) fn split(self, by: Actor) -> (ReadInput<T>, KeyedBy) {
        (self.input, KeyedBy { by, key: self.key })
    }
}

/// Who makes something, with the idempotency key of their request.
#[derive(Debug)]
pub(super) struct KeyedBy {
    by: Actor,
    key: Option<RequestKey>,
}

impl KeyedBy {
    /// Somebody, with a key if there is one.
    pub(super) const fn new(by: Actor, key: Option<RequestKey>) -> Self {
        Self { by, key }
    }

    /// The same, for those that make it.
    pub(super) const fn get(&self) -> Making<'_> {
        let (by, key) = (&self.by, self.key.as_ref());
        Making { by, key }
    }
}

impl<T: Input + 'static, const LIMIT: usize> FromRequest for Keyed<T, LIMIT> {
    type Error = ProblemDetails;
    type Future = LocalBoxFuture<'static, Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let body = body::read(&request, payload, LIMIT).await?;
            let key = idempotency::request_key(&request, &body)?;
            let input = body::begin(&body)?;
            Ok(Self { input, key })
        }
        .boxed_local()
    }
}

impl<T: Input, const LIMIT: usize> Takes for Keyed<T, LIMIT> {
    fn describe(described: &mut OperationDescription) {
        KeyHeader::describe(described);
        Begun::<T>::describe(described);
    }
}

/// The body, a JSON object in which nothing is left to be looked up.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub T);

impl<T: Input + 'static> FromRequest for JsonBody<T> {
    type Error = ProblemDetails;
    type Future = LocalBoxFuture<'static, Result<Self, ProblemDetails>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let begun = Begun::<T>::from_request(request, payload);
        async move { Ok(Self(begun.await?.0.finish()?)) }.boxed_local()
    }
}

impl<T: Input> Takes for JsonBody<T> {
    fn describe(described: &mut OperationDescription) {
        Begun::<T>::describe(described);
    }
}

/// The body as it comes, for handlers that read it themselves: as a [`OneItem`] or as [`Lines`].
pub(super) struct Raw<T>(pub Payload, PhantomData<T>);

/// One `T` in a body.
pub(super) struct OneItem<T>(PhantomData<T>);

/// A `T` on each line of a body (NDJSON).
pub(super) struct Lines<T>(PhantomData<T>);

impl<T> FromRequest for Raw<T> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(payload.take(), PhantomData)))
    }
}

impl<T: NamedSchema> Takes for Raw<OneItem<T>> {
    fn describe(described: &mut OperationDescription) {
        let schema = described.taken::<T>();
        described.body = Some(json!({
            "required": true, "content": { "application/json": { "schema": schema } },
        }));
        described.refusals.extend(BODY);
    }
}

impl<T: NamedSchema> Takes for Raw<Lines<T>> {
    fn describe(described: &mut OperationDescription) {
        described.line = Some(described.taken::<T>());
        described.body = Some(json!({
            "required": true,
            "description": format!("{} as JSON, one a line (NDJSON).", T::NAME),
            "content": { "application/x-ndjson": { "schema": { "type": "string" } } },
        }));
        described.refusals.extend(BODY);
    }
}

/// A header that a handler reads itself, as `H` describes it.
pub(super) struct Header<H>(PhantomData<H>);

impl<H> FromRequest for Header<H> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(PhantomData)))
    }
}

impl<H: Takes> Takes for Header<H> {
    fn describe(described: &mut OperationDescription) {
        H::describe(described);
    }
}
