//! The handlers of `/v1`, one file for each resource. `routes` says who may call them and what they
//! are for; their types say what they take and return.

pub(super) mod accounts;
pub(super) mod activities;
pub(super) mod activity_types;
pub(super) mod audit;
pub(super) mod deliveries;
pub(super) mod event_types;
pub(super) mod events;
pub(super) mod health;
pub(super) mod mails;
pub(super) mod plugins;
pub(super) mod publish;
pub(super) mod secrets;
pub(super) mod subscriptions;
pub(super) mod switches;
pub(super) mod tokens;
pub(super) mod users;
