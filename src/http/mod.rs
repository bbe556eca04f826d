//! The web layer: the only one that knows actix-web and HTTP statuses. It reads requests, asks
//! the actors and the store, and writes answers; it keeps no state but who is known to call.

pub mod access;
mod answer;
mod api;
mod body;
mod closing;
mod connection;
mod connections;
mod fields;
mod guard;
mod home;
mod hops;
mod life;
mod malformed;
mod metrics;
mod openapi;
mod page;
mod pages;
mod passwords;
mod path;
mod pipeline;
mod problem;
pub mod receiver;
mod room;
mod rules;
mod server;
mod session;
mod side;
mod site;

pub use closing::Closer;
pub use openapi::document;
pub use rules::HttpRules;
pub use server::{HttpSettings, Role, server};
pub use site::SiteSettings;
