//! How what is shown of things is declared.

use serde_json::value::RawValue;

/// JSON as it was written.
#[must_use]
pub fn raw_json(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

/// Declares what is shown of things, and how it is made of them. A field is that of the thing with
/// its name, or the value behind its type; these are made first, in their order.
macro_rules! views {
    (@of $thing:ident $field:ident) => { $thing.$field };
    (@of $thing:ident $field:ident $value:expr) => { $field };
    ($(
        $(#[$($about:tt)*])*
        $vis:vis $name:ident of $thing:ident: $kind:ty {
            $($(#[$($field_about:tt)*])* $field:ident: $field_kind:ty $(= $value:expr)?,)*
        }
    )+) => {
        $(
            #[derive(serde::Serialize, utoipa::ToSchema)]
            $(#[$($about)*])*
            $vis struct $name {
                $($(#[$($field_about)*])* pub $field: $field_kind,)*
            }

            impl From<$kind> for $name {
                fn from($thing: $kind) -> Self {
                    $($(let $field = $value;)?)*
                    Self { $($field: $crate::service::views!(@of $thing $field $($value)?),)* }
                }
            }
        )+
    };
}
pub(crate) use views;
