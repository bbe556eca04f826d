//! Who looks at a page, and what they send. A handler of a page that changes something takes a
//! [`Submission`], which is there only if the form carried the proof that Herald's own page made
//! it.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use maud::{Markup, html};

use super::form::Form;
use super::notice;
use super::reader::PageReader;
use super::trouble::Trouble;
use crate::actors::Engine;
use crate::domain::id::AccountId;
use crate::domain::role::Role;
use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::query::Query;
use crate::http::session::{SignedIn, no_proof};
use crate::http::shared::ServerContext;
use crate::http::visitor::Visitor;
use crate::service::Context;
use crate::service::callers::Caller;
use crate::store::Database;

/// Somebody who is signed in looks at a page.
pub(in crate::http) struct Visit {
    /// Who, as the API's functions want it.
    pub caller: Caller,
    /// Whose things are shown.
    pub account: AccountId,
    /// How times are written for them.
    pub reader: PageReader,
    /// Their session.
    pub signed_in: SignedIn,
    /// What the address says is kept for this page.
    pub kept: Option<String>,
    /// What every handler can reach.
    pub shared: Data<ServerContext>,
    /// What they asked for.
    pub request: HttpRequest,
    done: Option<&'static str>,
}

impl Visit {
    /// What operations need.
    pub(super) fn cx(&self) -> Context<'_> {
        Context {
            engine: self.engine(),
            account: self.account,
            caller: &self.caller,
        }
    }

    /// The actors and the database.
    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(super) fn database(&self) -> &Database {
        self.engine().database()
    }

    /// The parameters of the page's address, without those that the frame itself reads.
    pub(super) fn query(&self) -> Query<'_> {
        let mut query = Query::parse(self.request.query_string());
        let _shown_by_the_frame = query.text("done");
        let _read_by_the_visit = query.text("kept");
        query
    }

    /// Refuses parameters, for a page that takes none.
    ///
    /// # Errors
    /// There are some.
    pub(super) fn no_query(&self) -> Result<(), ProblemDetails> {
        self.query().finish()
    }

    /// A variable part of the path, as `T` reads it.
    ///
    /// # Errors
    /// What cannot be read does not exist.
    pub(super) fn part<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, ProblemDetails> {
        let text = self.request.match_info().get(name).unwrap_or_default();
        let missing =
            |why: T::Err| ProblemDetails::new(ProblemKind::NotFound, format!("Not found: {why}."));
        text.parse().map_err(missing)
    }

    /// Whether they may change things.
    pub(super) fn is_admin(&self) -> bool {
        self.caller.role == Role::Admin
    }

    /// What was done just now, as a sentence.
    pub(super) const fn done(&self) -> Option<&'static str> {
        self.done
    }

    /// The hidden field that every form carries.
    pub(super) fn csrf(&self) -> Markup {
        html! { input type="hidden" name="csrf_token" value=(self.signed_in.csrf_token()); }
    }

    /// A form that is one button.
    pub(super) fn post(&self, action: &str, label: &str, class: &str) -> Markup {
        html! {
            form class="inline" method="post" action=(action) {
                (self.csrf())
                button class=(class) type="submit" { (label) }
            }
        }
    }

    fn of(request: &HttpRequest) -> Result<Self, Trouble> {
        let extensions = request.extensions();
        let visitor = extensions.get::<Visitor>().cloned();
        let signed_in = extensions.get::<SignedIn>().cloned();
        let shared = request.app_data::<Data<ServerContext>>();
        let (Some(Visitor(caller)), Some(signed_in), Some(shared)) = (visitor, signed_in, shared)
        else {
            return Err(
                ProblemDetails::new(ProblemKind::Unauthorized, "Nobody is signed in.").into(),
            );
        };
        Ok(Self::new(request, shared, caller, signed_in))
    }

    /// Of somebody who is known to be signed in.
    pub(super) fn new(
        request: &HttpRequest,
        shared: &Data<ServerContext>,
        caller: Caller,
        signed_in: SignedIn,
    ) -> Self {
        let mut query = Query::parse(request.query_string());
        Self {
            caller,
            account: signed_in.session.account(),
            reader: PageReader::of(request, shared.engine.clock().now()),
            signed_in,
            kept: query.text("kept"),
            shared: shared.clone(),
            request: request.clone(),
            done: notice::done(request),
        }
    }
}

impl FromRequest for Visit {
    type Error = Trouble;
    type Future = Ready<Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(if *request.method() == Method::GET {
            Self::of(request)
        } else {
            // What changes something takes a submission.
            Err(no_proof().into())
        })
    }
}

/// A form that somebody who is signed in sent from one of Herald's pages: who, and what they wrote.
pub(in crate::http) struct Submission(pub Visit, pub Form);

impl FromRequest for Submission {
    type Error = Trouble;
    type Future = LocalBoxFuture<'static, Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = actix_web::web::Payload::from_request(&request, payload);
        async move {
            let visit = Visit::of(&request)?;
            let payload = payload.await.map_err(|error| {
                let detail = format!("The form cannot be read: {error}.");
                ProblemDetails::new(ProblemKind::Malformed, detail)
            })?;
            let mut form = Form::submitted(&request, payload).await?;
            let proof = form.take("csrf_token");
            if visit.signed_in.proved || visit.signed_in.proves(&proof) {
                return Ok(Self(visit, form));
            }
            let trouble = Trouble::from(no_proof());
            Err(match visit.keep_typed(&form).await {
                Some(again) => trouble.with_form(again),
                None => trouble,
            })
        }
        .boxed_local()
    }
}
