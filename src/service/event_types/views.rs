//! How event types are shown: in lists, and each whole. It knows nothing of how they are found.

use serde_json::Value;

use crate::domain::event_type::{EventType, Field, Validation};
use crate::service::views;
use crate::store::event_type::{OwnType, TypeSummary};

views! {
    /// One field of an event type's payload.
    pub FieldView of field: &Field {
        /// Names from the payload's root, separated by dots; `[]` means each entry of an array.
        path: String = field.path.clone(),
        /// Its JSON type as text.
        #[serde(rename = "type")]
        kind: String = field.kind.clone(),
        /// What it means.
        description: String = field.description.clone(),
    }

    /// An event type.
    pub EventTypeView of own: OwnType {
        /// The name that events and triggers use.
        #[schema(example = "STORE_ORDER_CREATED")]
        name: String,
        /// The heading under which people find it.
        group: String,
        /// A few words.
        title: String,
        /// When it is published.
        description: String,
        /// What its fields mean; empty for an account's own types.
        fields: Vec<FieldView> = Vec::new(),
        /// A JSON Schema of the whole event.
        schema: Option<Value>,
        /// An event as it would be published.
        example: Option<Value>,
        /// `off`, `warn` or `reject`: what happens to an event that does not fit its schema.
        validation: Validation = own.validation.unwrap_or_default(),
        /// It comes with Herald: only its validation can be changed.
        builtin: bool = false,
    }

    /// An event type in a list: without schema and example, which `GET /v1/event-types/{name}` has.
    pub EventTypeEntry of own: TypeSummary {
        /// The name that events and triggers use.
        #[schema(example = "STORE_ORDER_CREATED")]
        name: String,
        /// The heading under which people find it.
        group: String,
        /// A few words.
        title: String,
        /// When it is published.
        description: String,
        /// What its fields mean; empty for an account's own types.
        fields: Vec<FieldView> = Vec::new(),
        /// `off`, `warn` or `reject`: what happens to an event that does not fit its schema.
        validation: Validation = own.validation.unwrap_or_default(),
        /// It comes with Herald: only its validation can be changed.
        builtin: bool = false,
    }
}

impl EventTypeEntry {
    /// A built-in type; `own` is what the account made of its validation.
    pub(super) fn builtin(known: &EventType, own: Option<Validation>) -> Self {
        Self {
            name: known.name.clone(),
            group: known.group.clone(),
            title: known.title.clone(),
            description: known.description.clone(),
            fields: known.fields.iter().map(FieldView::from).collect(),
            validation: own.or(known.validation).unwrap_or_default(),
            builtin: true,
        }
    }
}

impl EventTypeView {
    /// A built-in type, and what the account made of it.
    pub(super) fn builtin(known: &EventType, own: Option<OwnType>) -> Self {
        let entry = EventTypeEntry::builtin(known, own.and_then(|own| own.validation));
        let example = known.example.as_ref();
        Self {
            name: entry.name,
            group: entry.group,
            title: entry.title,
            description: entry.description,
            fields: entry.fields,
            schema: known.schema.clone(),
            example: example.and_then(|text| serde_json::from_str(text.get()).ok()),
            validation: entry.validation,
            builtin: true,
        }
    }
}
