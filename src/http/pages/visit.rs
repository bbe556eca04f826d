//! Who looks at a page, and what they send. A handler of a page that changes something takes a
//! [`Submission`], which is there only if the form carried the proof that Herald's own page made
//! it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use maud::{Markup, html};

use super::form::Form;
use super::notice;
use super::reader::Reader;
use super::trouble::Trouble;
use crate::domain::id::AccountId;
use crate::domain::role::Role;
use crate::http::problem::{Kind, Problem};
use crate::http::query::Query;
use crate::http::session::{SignedIn, no_proof};
use crate::http::shared::Shared;
use crate::http::visitor::Visitor;
use crate::service::callers::Caller;

/// Somebody who is signed in looks at a page.
pub(in crate::http) struct Visit {
    /// Who, as the API's functions want it.
    pub caller: Caller,
    /// Whose things are shown.
    pub account: AccountId,
    /// How times are written for them.
    pub reader: Reader,
    /// Their session.
    pub signed_in: SignedIn,
    /// What the address says is kept for this page.
    pub kept: Option<String>,
    done: Option<&'static str>,
}

impl Visit {
    /// Whether they may change things.
    pub(super) fn is_admin(&self) -> bool {
        self.caller.role == Role::Admin
    }

    /// What was done just now, in a sentence.
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
        let shared = request.app_data::<Data<Shared>>();
        let (Some(Visitor(caller)), Some(signed_in), Some(shared)) = (visitor, signed_in, shared)
        else {
            return Err(Problem::new(Kind::Unauthorized, "Nobody is signed in.").into());
        };
        Ok(Self::new(request, shared, caller, signed_in))
    }

    /// Of somebody who is known to be signed in.
    pub(super) fn new(
        request: &HttpRequest,
        shared: &Shared,
        caller: Caller,
        signed_in: SignedIn,
    ) -> Self {
        let mut query = Query::parse(request.query_string());
        Self {
            caller,
            account: signed_in.session.account(),
            reader: Reader::of(request, shared.engine.clock().now()),
            signed_in,
            kept: query.text("kept"),
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

/// A form that somebody who is signed in sent from one of Herald's pages.
pub(in crate::http) struct Submission {
    /// Who sent it.
    pub visit: Visit,
    /// What they wrote.
    pub form: Form,
}

/// What the handler of a page takes: what every handler can reach, who looks, and what they asked
/// for.
pub(in crate::http) struct Look(pub Data<Shared>, pub Visit, pub HttpRequest);

impl FromRequest for Look {
    type Error = Trouble;
    type Future = Ready<Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visit = Visit::from_request(request, payload).into_inner();
        ready(visit.and_then(|visit| Ok(Self(shared(request)?, visit, request.clone()))))
    }
}

/// What the handler of a form takes: what every handler can reach, what was sent, and how.
pub(in crate::http) struct Sent(pub Data<Shared>, pub Submission, pub HttpRequest);

impl FromRequest for Sent {
    type Error = Trouble;
    type Future = LocalBoxFuture<'static, Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (submission, request) = (Submission::from_request(request, payload), request.clone());
        async move { Ok(Self(shared(&request)?, submission.await?, request)) }.boxed_local()
    }
}

/// What every handler can reach.
fn shared(request: &HttpRequest) -> Result<Data<Shared>, Trouble> {
    let shared = request.app_data::<Data<Shared>>().cloned();
    shared.ok_or_else(|| Problem::new(Kind::Internal, "Nothing is shared.").into())
}

impl FromRequest for Submission {
    type Error = Trouble;
    type Future = LocalBoxFuture<'static, Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = actix_web::web::Payload::from_request(&request, payload);
        async move {
            let visit = Visit::of(&request)?;
            let payload = payload.await.map_err(|error| {
                Problem::new(
                    Kind::Malformed,
                    format!("The form cannot be read: {error}."),
                )
            })?;
            let mut form = Form::submitted(&request, payload).await?;
            let proof = form.take("csrf_token");
            if visit.signed_in.proved || visit.signed_in.proves(&proof) {
                return Ok(Self { visit, form });
            }
            let trouble = Trouble::from(no_proof());
            let Some(shared) = request.app_data::<Data<Shared>>() else {
                return Err(trouble);
            };
            Err(match visit.keep_typed(shared, &request, &form).await {
                Some(again) => trouble.with_form(again),
                None => trouble,
            })
        }
        .boxed_local()
    }
}
