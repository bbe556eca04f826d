//! Herald's rules as pure code: no input or output, no clock, no async.

#[macro_use]
pub mod text_enum;
pub mod activity;
pub mod address;
pub mod bearer;
pub mod cursor;
pub mod delivery;
pub mod destination;
pub mod email;
pub mod event;
pub mod event_type;
pub(crate) mod fair_queue;
pub mod headers;
pub mod hops;
pub mod id;
pub mod json_lines;
pub mod made_kind;
pub mod mail;
pub mod note_key;
pub mod password;
pub mod retry;
pub mod role;
pub mod seal;
pub mod seal_file;
pub mod secret;
pub mod signature;
pub mod subscription;
pub mod stat_bucket;
pub mod target;
pub mod target_url;
pub mod trigger;
pub mod user_link;
pub mod watchdog;
