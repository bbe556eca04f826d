//! The pages for browsers: HTML made on the server, without scripts. `layout` is the frame and
//! its headers, `form` reads what browsers send; each other file is one page.

mod form;
mod layout;
pub(super) mod home;
pub(super) mod mails;
pub(super) mod password;
pub(super) mod reset;
pub(super) mod sign_in;
