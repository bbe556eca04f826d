//! The tests that need no machine to themselves, in one program: one link instead of sixteen, and
//! one PostgreSQL. A folder's tests alone: `scripts/test api`.

mod activity;
mod api;
mod delivery;
mod doctor;
mod document;
mod metrics;
mod page_http;
mod people;
mod plugin_cli;
mod private_postgres;
mod receive;
mod reload;
mod secrets;
mod standard_webhooks;
mod store;
mod support;
mod tls;
