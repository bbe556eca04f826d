//! Herald delivers an application's events to other systems.
//!
//! The modules are listed in the order of their layers; a module may use those above it in this
//! list and never one below or beside it. `tests/house` holds the sources to that table.
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | rules | `domain` | nothing of Herald |
//! | data | `catalogue` | `domain` |
//! | settings | `config` | `domain` |
//! | outside | `postgres`, `plugin`, `store`, `transport`, `mail` | `domain`, `catalogue`, `config` |
//! | actors | `actors` | all above |
//! | operations | `service` | all above |
//! | web | `http` | all above |
//! | whole | `app`, `cli` | all above |

pub mod domain;
pub mod catalogue;
pub mod config;
pub mod postgres;
pub mod plugin;
pub mod store;
pub mod transport;
pub mod mail;
pub mod actors;
pub mod service;
pub mod http;
pub mod app;
pub mod cli;
