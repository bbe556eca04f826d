//! A payload as it stands.

use maud::{Markup, html};

use super::ui;

/// The text with its title.
pub(super) fn view(title: &str, id: &str, bytes: &[u8]) -> Markup {
    html! { section class="panel" { h2 { (title) } (ui::code(id, &String::from_utf8_lossy(bytes))) } }
}
