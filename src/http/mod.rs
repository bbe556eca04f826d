//! The web layer: the only one that knows actix-web and HTTP statuses. It reads requests, asks
//! the actors and the store, and writes answers; its only state is who is known to call.

pub mod access;
mod answer;
mod api;
mod body;
mod closing;
mod connection;
mod connections;
mod extract;
mod auth_middleware;
mod home;
mod hops;
mod idempotency;
mod keeping;
mod life;
#[cfg(test)]
mod limits;
mod malformed;
mod metrics;
mod openapi;
mod operation;
mod outermost;
mod page;
mod pages;
mod passwords;
mod pipeline;
mod problem;
mod query;
pub mod receiver;
#[cfg(test)]
pub(crate) mod reference;
mod reply;
mod room;
pub mod routes;
mod rules;
mod server;
mod session;
mod shared;
mod side;
mod site;
mod visitor;

pub use closing::Closer;
pub use rules::HttpRules;
pub use server::{HttpSettings, ListenerRole, server};
pub use site::SiteSettings;
