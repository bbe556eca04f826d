//! Texts that hold a part, upper and lower case alike: the SQL function `herald_fold`, which knows
//! all letters whatever the database's locale, and the pattern for `like`. Both sides of a
//! comparison go through it.

use diesel::sql_types::Text;

#[diesel::declare_sql_function]
extern "SQL" {
    /// A text in small letters.
    fn herald_fold(text: Text) -> Text;
}

/// The pattern of all texts that hold a part.
pub(super) fn holding(part: &str) -> String {
    let escaped = part
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}
