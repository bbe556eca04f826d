//! What most pages use.

pub(super) use actix_web::HttpResponse;
pub(super) use maud::{Markup, html};

pub(super) use super::filter::{Choices, FilterBar};
pub(super) use super::form::Form;
pub(super) use super::frame::Nav;
pub(super) use super::ui::{self, Tone};
pub(super) use super::visit::{Submission, Visit};
pub(super) use super::{PageResult, Trouble, layout};
pub(super) use crate::domain::cursor;
pub(super) use crate::http::page::{PageRequest, cut};
pub(super) use crate::http::problem::{ProblemDetails, ProblemKind};
pub(super) use crate::http::shared::ServerContext;
pub(super) use crate::service::input::Input;
pub(super) use crate::service::making::Making;
pub(super) use crate::store::{Database, StoreError};
