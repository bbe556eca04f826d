//! What Herald does for a caller, whoever asks: a request of the API, a form of a page, the command
//! line. One file for each resource, with its input, its rules, its activities and its wake-ups.
//! Nothing here knows HTTP, HTML or JSON text; operations refuse with a [`Refusal`].

pub mod access;
pub mod accounts;
pub mod activities;
pub mod activity_types;
pub mod attempts;
pub mod audit;
pub mod callers;
mod context;
pub mod deliveries;
mod directory;
pub mod dry_run;
pub mod event_types;
pub mod events;
pub mod input;
mod letters;
pub mod mails;
pub mod making;
pub mod plugins;
pub mod publishing;
pub mod rate_limit;
mod refusal;
pub mod request;
mod shown;
pub mod subscriptions;
mod targets;
pub mod tokens;
pub mod users;

pub use context::Context;
pub use directory::Directory;
pub use letters::with_link;
pub use refusal::{Fault, Reason, Refusal, RefusedLine};
pub use shown::raw_json;
pub(crate) use shown::views;

/// What an operation returns, or why it refuses.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// Cuts `rows` to `limit`; the key of the last one kept, if there were more.
pub fn cut<T, K>(rows: &mut Vec<T>, limit: usize, key: impl FnOnce(&T) -> K) -> Option<K> {
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    rows.last().map(key)
}
