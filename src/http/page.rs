//! Pages of lists: the limit, the cursor, and the answer with its `Link` to the next page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::fields::Query;
use crate::domain::cursor;
pub(super) use crate::service::cut;

/// Upper bound of `limit`.
const MAX_LIMIT: usize = 200;
/// What `limit` is if it is left out.
const DEFAULT_LIMIT: usize = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Give it as `cursor` to get the next page; null: this was the last one.
    pub next_cursor: Option<String>,
}

/// What a request says about the page that it wants.
#[derive(Debug)]
pub(super) struct Wanted<K> {
    /// At most so many entries.
    pub limit: usize,
    /// Behind this key.
    pub after: Option<K>,
}

impl<K: DeserializeOwned> Wanted<K> {
    /// Takes `limit` and `cursor`; `list` names the list (and its order), so that a cursor of
    /// another one is refused.
    pub(super) fn take(query: &mut Query<'_>, list: &str) -> Self {
        let limit = query.take("limit", |text| match text.parse::<usize>() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(format!("must be a whole number from 1 to {MAX_LIMIT}")),
        });
        let after = query.take("cursor", |text| {
            cursor::decode(list, text).map_err(|e| e.to_string())
        });
        Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            after,
        }
    }

    /// Takes `cursor` alone, for a list on a page for people, which has a fixed length.
    pub(super) fn of_page(query: &mut Query<'_>, list: &str) -> Self {
        let after = query.take("cursor", |text| {
            cursor::decode(list, text).map_err(|e| e.to_string())
        });
        Self {
            limit: DEFAULT_LIMIT,
            after,
        }
    }

    /// How many rows to ask the store for: one more tells whether there is a next page.
    #[must_use]
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.limit)
            .unwrap_or(i64::MAX)
            .saturating_add(1)
    }
}

/// Answers a page.
pub(super) fn answer<T: Serialize, K: Serialize>(
    request: &HttpRequest,
    list: &str,
    data: Vec<T>,
    next: Option<K>,
) -> HttpResponse {
    let next_cursor = next.map(|key| cursor::encode(list, &key));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        response.insert_header((header::LINK, link(request, cursor)));
    }
    response.json(Page { data, next_cursor })
}

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
