//! The pages for browsers: HTML made on the server, which works without scripts and is made
//! pleasant by small ones. `frame` is what surrounds every page, `layout` the document and its
//! headers, `visit` who looks and what they send, `wording` how the texts of the API read here,
//! `ui`, `filter`, `reader` the parts that pages are put together from, and `prelude` what most
//! pages use of these; each other file is one page or one family of pages.

pub(super) mod activity_counts;
pub(super) mod activity_log;
pub(super) mod assets;
mod curl;
pub(super) mod deliveries;
mod difference;
mod dry_run;
mod chart;
pub(super) mod events;
mod filter;
mod form;
mod frame;
pub(super) mod kept;
mod layout;
pub(super) mod mail_log;
mod mail_story;
mod notice;
mod number;
pub(super) mod overview;
pub(super) mod password;
mod range;
pub(super) mod payload;
pub(super) mod plugins;
mod prelude;
mod reader;
pub(super) mod reset;
pub(super) mod settings;
pub(super) mod sign_in;
mod subject;
mod trouble;
mod ui;
pub(super) mod visit;
mod webhook_figures;
pub(super) mod webhooks;
mod wording;

use actix_web::HttpResponse;

pub(super) use kept::sign_in_first;
pub(super) use trouble::Trouble;

/// What the handler of a page returns.
pub(super) type PageResult = Result<HttpResponse, Trouble>;
