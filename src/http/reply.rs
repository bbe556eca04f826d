//! What a handler of the API returns: its status and its JSON, in one type.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LINK, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::operation::{Answers, OperationDescription};
use super::page::Page;
use super::problem::ProblemDetails;

/// What a handler of the API returns.
pub(crate) type ApiResult<T> = Result<T, ProblemDetails>;

/// It was made, and has an address from now on.
#[derive(Debug)]
pub(super) struct CreatedJson<T> {
    at: Option<String>,
    what: T,
}

impl<T> CreatedJson<T> {
    /// It has this address.
    pub(super) fn at(address: String, what: impl Into<T>) -> Self {
        let (at, what) = (Some(address), what.into());
        Self { at, what }
    }

    /// It has no address of its own.
    pub(super) fn nowhere(what: impl Into<T>) -> Self {
        let (at, what) = (None, what.into());
        Self { at, what }
    }
}

/// It was done, or only recorded because it had been done.
#[derive(Debug)]
pub(super) enum TakenJson<T> {
    /// It goes on.
    Accepted(T),
    /// It is recorded.
    Recorded(T),
}

/// It is done, and there is nothing to say about it.
#[derive(Debug)]
pub(super) struct EmptyReply;

/// Plain text of some kind.
#[derive(Debug)]
pub(super) struct PlainText {
    pub media_type: &'static str,
    pub text: String,
}

/// JSON that was written before.
#[derive(Debug)]
pub(super) struct Document(pub &'static str);

/// Declares answers that are JSON alone, with their statuses.
macro_rules! replies {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub(super) struct $name<T>(pub T);

            impl<T: Serialize> Responder for $name<T> {
                type Body = BoxBody;

                fn respond_to(self, _: &HttpRequest) -> HttpResponse {
                    json(StatusCode::$status, &self.0)
                }
            }

            impl<T: ToSchema> Answers for $name<T> {
                fn describe(described: &mut OperationDescription) {
                    described.json::<T>(StatusCode::$status.as_u16());
                }
            }
        )+
    };
}

replies! {
    /// What was asked for, or what it is after a change.
    OkJson = OK;
    /// It was accepted, and what follows from it goes on.
    AcceptedJson = ACCEPTED;
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> HttpResponse {
    HttpResponse::build(status).json(body)
}

impl<T: Serialize> Responder for CreatedJson<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Created();
        if let Some(at) = self.at {
            response.insert_header((LOCATION, at));
        }
        response.json(self.what)
    }
}

impl<T: ToSchema> Answers for CreatedJson<T> {
    fn describe(described: &mut OperationDescription) {
        described.json::<T>(201);
        described.header(201, "Location", "Its address, if it has one.");
    }
}

impl<T: Serialize> Responder for TakenJson<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        match self {
            Self::Accepted(what) => json(StatusCode::ACCEPTED, &what),
            Self::Recorded(what) => json(StatusCode::CREATED, &what),
        }
    }
}

impl<T: ToSchema> Answers for TakenJson<T> {
    fn describe(described: &mut OperationDescription) {
        described.json::<T>(201);
        described.json::<T>(202);
    }
}

impl Responder for EmptyReply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Answers for EmptyReply {
    fn describe(described: &mut OperationDescription) {
        described.answers.insert(204, json!({}));
    }
}

impl Responder for PlainText {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let kind = (CONTENT_TYPE, self.media_type);
        HttpResponse::Ok().insert_header(kind).body(self.text)
    }
}

impl Answers for PlainText {
    fn describe(described: &mut OperationDescription) {
        described.answer(200, "text/plain", json!({ "type": "string" }));
    }
}

impl Responder for Document {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let kind = (CONTENT_TYPE, "application/json");
        // Not copied: many may ask for it and read nothing.
        HttpResponse::Ok().insert_header(kind).body(self.0)
    }
}

impl Answers for Document {
    fn describe(described: &mut OperationDescription) {
        described.answer(200, "application/json", json!({ "type": "object" }));
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            response.insert_header((LINK, link(request, cursor)));
        }
        response.json(self)
    }
}

impl<T: ToSchema> Answers for Page<T> {
    fn describe(described: &mut OperationDescription) {
        let entry = described.schema::<T>();
        // `SubscriptionView` is listed in a `SubscriptionPage`.
        let name = T::name();
        let name = format!("{}Page", name.strip_suffix("View").unwrap_or(&name));
        let page = json!({
            "type": "object",
            "description": "One page of a list.",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": { "type": "array", "items": entry, "description": "The entries." },
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Give it as `cursor` to get the next page; null: this was the \
                                    last one.",
                },
            },
        });
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        described.schemas.insert(name, page);
        described.answer(200, "application/json", reference);
        let text = "The next page (`rel=\"next\"`), if there is one.";
        described.header(200, "Link", text);
    }
}

/// The address of the next page.
fn link(request: &HttpRequest, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", request.path(), query.finish())
}
