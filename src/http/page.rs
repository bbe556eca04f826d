//! Pages of lists: the limit and the cursor.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::{Fault, ProblemDetails};
use super::query::Query;
use crate::domain::cursor;
pub(super) use crate::service::cut;
use crate::service::input::Listed;

/// What `limit` is if it is left out.
pub(super) const DEFAULT_LIMIT: usize = 50;

/// One page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Give it as `cursor` to get the next page; null: this was the last one.
    pub next_cursor: Option<String>,
}

/// What a request says about the page that it wants.
#[derive(Debug)]
pub(super) struct PageRequest<'l, K> {
    /// The name of the list (and its order), so that a cursor of another one is refused.
    list: &'l str,
    /// At most so many entries.
    pub limit: usize,
    /// Behind this key.
    pub after: Option<K>,
}

impl<'l, K: Serialize + DeserializeOwned> PageRequest<'l, K> {
    /// What was asked of a list.
    ///
    /// # Errors
    /// The cursor is of another list.
    pub(super) fn of(asked: &impl Listed, list: &'l str) -> Result<Self, ProblemDetails> {
        let (limit, cursor) = asked.page();
        let after = cursor.map(|cursor| cursor.key(list)).transpose();
        Ok(Self {
            list,
            limit: limit.map_or(DEFAULT_LIMIT, |limit| limit.unsigned_abs() as usize),
            after: after.map_err(|error| {
                ProblemDetails::query(vec![Fault::new("?cursor", error.to_string())])
            })?,
        })
    }

    /// Takes `cursor` alone, for a list on a page for people, which has a fixed length.
    pub(super) fn of_page(query: &mut Query<'_>, list: &'l str) -> Self {
        let read = |text: &str| cursor::decode(list, text).map_err(|error| error.to_string());
        let (after, limit) = (query.take("cursor", read), DEFAULT_LIMIT);
        Self { list, limit, after }
    }

    /// How many rows to ask the store for: one more shows whether there is a next page.
    #[must_use]
    pub(super) fn rows(&self) -> i64 {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        limit.saturating_add(1)
    }

    /// The page, of which `rows` may have one row more.
    pub(super) fn page<T, R>(
        &self,
        mut rows: Vec<R>,
        key: impl FnOnce(&R) -> K,
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let next = cut(&mut rows, self.limit, key);
        self.page_to(rows, next, view)
    }

    /// The page, behind which the list goes on at `next`.
    pub(super) fn page_to<T, R>(
        &self,
        rows: Vec<R>,
        next: Option<K>,
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        Page {
            data: rows.into_iter().map(view).collect(),
            next_cursor: next.map(|key| cursor::encode(self.list, &key)),
        }
    }
}
