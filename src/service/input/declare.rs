//! The macros that declare inputs, and the JSON Schema that comes of a declaration.

use serde_json::{Map, Value, json};

use super::InputField;
use crate::domain::cursor::Cursor;

/// Declares inputs: the struct, how it is read, and its JSON Schema. A field may have an example
/// behind its type; the JSON of the one that `keeps` names stays as it was written.
macro_rules! inputs {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $(keeps $kept:ident)? {
            $($(#[doc = $field_doc:literal])+ $field:ident: $kind:ty $(= $example:tt)?,)*
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone)]
            pub struct $name {
                $($(#[doc = $field_doc])+ pub $field: $kind,)*
            }

            const _: () = {
                /// The fields that could be read.
                #[derive(Debug)]
                #[allow(unreachable_pub, reason = "it is known by the name of the input alone")]
                pub struct Partial {
                    $(pub $field: Option<$kind>,)*
                }

                impl $crate::service::input::Input for $name {
                    const FIELDS: &'static [&'static str] = &[$(stringify!($field),)*];
                    $(const KEPT: Option<&'static str> = Some(stringify!($kept));)?
                    type Partial = Partial;

                    #[allow(unused_variables, reason = "an input may have no fields")]
                    fn take(given: &mut $crate::service::input::Object<'_>) -> Partial {
                        Partial { $($field: given.field(stringify!($field)),)* }
                    }

                    #[allow(unused_variables, reason = "an input may have no fields")]
                    fn whole(fields: Partial) -> Option<Self> {
                        Some(Self { $($field: fields.$field?,)* })
                    }
                }
            };

            impl $crate::service::input::NamedSchema for $name {
                const NAME: &'static str = stringify!($name);

                #[allow(unused_mut, reason = "an input may have no fields")]
                fn schema() -> serde_json::Value {
                    let mut schema = $crate::service::input::Described::new(&[$($doc,)+]);
                    $(
                        #[allow(unused_mut, unused_assignments, reason = "not all have one")]
                        let mut example = None;
                        $(example = Some(serde_json::json!($example));)?
                        schema.field::<$kind>(stringify!($field), &[$($field_doc,)+], example);
                    )*
                    schema.end()
                }
            }
        )+
    };
}
pub(in crate::service) use inputs;

/// Declares what something is made of, and what may be changed of it: the same fields, described
/// once. Those `once` are for making alone; those `needed` may not be left out then.
macro_rules! made_and_changed {
    (
        $(#[doc = $made_doc:literal])+ $made:ident
        $(#[doc = $changed_doc:literal])+ $changed:ident
        {
            once { $($(#[doc = $once_doc:literal])+ $once:ident: $once_kind:ty $(= $once_example:tt)?,)* }
            needed { $($(#[doc = $needed_doc:literal])+ $needed:ident: $needed_kind:ty $(= $needed_example:tt)?,)* }
            $($(#[doc = $doc:literal])+ $field:ident: $kind:ty $(= $example:tt)?,)*
        }
    ) => {
        $crate::service::input::inputs! {
            $(#[doc = $made_doc])+
            $made {
                $($(#[doc = $once_doc])+ $once: $once_kind $(= $once_example)?,)*
                $($(#[doc = $needed_doc])+ $needed: $needed_kind $(= $needed_example)?,)*
                $($(#[doc = $doc])+ $field: Option<$kind> $(= $example)?,)*
            }

            $(#[doc = $changed_doc])+
            $changed {
                $($(#[doc = $needed_doc])+ $needed: Option<$needed_kind> $(= $needed_example)?,)*
                $($(#[doc = $doc])+ $field: Option<$kind> $(= $example)?,)*
            }
        }

        impl From<$made> for $changed {
            fn from(made: $made) -> Self {
                Self {
                    $($needed: Some(made.$needed),)*
                    $($field: made.$field,)*
                }
            }
        }
    };
}
pub(in crate::service) use made_and_changed;

/// Declares texts that a function checks, which returns the text as it is kept, or what is wrong.
macro_rules! checked {
    ($($(#[doc = $doc:literal])+ $name:ident by $check:expr, $schema:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name(String);

            impl $name {
                /// The text.
                #[must_use]
                pub fn into_inner(self) -> String {
                    self.0
                }
            }

            impl std::ops::Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl $crate::service::input::InputField for $name {
                fn read(
                    given: $crate::service::input::Given<'_>,
                    faults: &mut $crate::service::input::Faults,
                ) -> Option<Self> {
                    given.read(faults, |text| ($check)(text).map(|it| Self(it.to_owned())))
                }

                fn schema() -> serde_json::Value {
                    $schema
                }
            }
        )+
    };
}
pub(in crate::service) use checked;

/// Declares what may be asked of a list, besides the page of it.
macro_rules! lists {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident {
            $($(#[doc = $field_doc:literal])+ $field:ident: $kind:ty $(= $example:tt)?,)*
        }
    )+) => {
        $(
            $crate::service::input::inputs! {
                $(#[doc = $doc])+
                $name {
                    $($(#[doc = $field_doc])+ $field: $kind $(= $example)?,)*
                    /// At most so many entries (50).
                    limit: Option<
                        $crate::service::input::Whole<1, { $crate::service::input::MOST_ENTRIES }>
                    > = 50,
                    /// The `next_cursor` of the page before.
                    cursor: Option<$crate::domain::cursor::Cursor>,
                }
            }

            impl $crate::service::input::Listed for $name {
                fn page(&self) -> (Option<i32>, Option<&$crate::domain::cursor::Cursor>) {
                    (self.limit.map(|limit| limit.get()), self.cursor.as_ref())
                }
            }
        )+
    };
}
pub(in crate::service) use lists;

/// What may be asked of a list.
pub trait Listed {
    /// At most so many entries, and the cursor of the page before.
    fn page(&self) -> (Option<i32>, Option<&Cursor>);
}

/// The JSON Schema of an input that is being put together.
pub struct Described {
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Described {
    /// Nothing but what it is for, by the lines of its documentation.
    #[must_use]
    pub fn new(lines: &[&str]) -> Self {
        Self {
            description: joined(lines),
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Adds a field.
    pub fn field<T: InputField>(
        &mut self,
        name: &'static str,
        lines: &[&str],
        example: Option<Value>,
    ) {
        let mut schema = T::schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), joined(lines).into());
            if let Some(example) = example {
                schema.insert("example".to_owned(), example);
            }
        }
        if T::absent().is_none() {
            self.required.push(name);
        }
        self.properties.insert(name.to_owned(), schema);
    }

    /// The whole.
    #[must_use]
    pub fn end(self) -> Value {
        json!({
            "type": "object",
            "description": self.description,
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

fn joined(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join("\n")
}
