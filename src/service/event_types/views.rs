//! How event types are shown: in lists, and each whole. It knows nothing of how they are found.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::event_type::{EventType, Field, Validation};
use crate::store::event_type::{OwnType, TypeSummary};

/// One field of an event type's payload.
#[derive(Serialize, ToSchema)]
pub struct FieldView {
    /// Names from the payload's root, separated by dots; `[]` stands for each entry of an array.
    pub path: String,
    /// Its JSON type as text.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub description: String,
}

/// An event type.
#[derive(Serialize, ToSchema)]
pub struct EventTypeView {
    /// The name that events and triggers use.
    #[schema(example = "STORE_ORDER_CREATED")]
    pub name: String,
    /// The heading under which people find it.
    pub group: String,
    /// A few words.
    pub title: String,
    /// When it is published.
    pub description: String,
    /// What its fields mean; empty for an account's own types.
    pub fields: Vec<FieldView>,
    /// A JSON Schema of the whole event.
    pub schema: Option<Value>,
    /// An event as it would be published.
    pub example: Option<Value>,
    /// `off`, `warn` or `reject`: what happens to an event that does not fit its schema.
    pub validation: Validation,
    /// It comes with Herald: only its validation can be changed.
    pub builtin: bool,
}

/// An event type in a list: without schema and example, which `GET /v1/event-types/{name}` has.
#[derive(Serialize, ToSchema)]
pub struct EventTypeEntry {
    /// The name that events and triggers use.
    #[schema(example = "STORE_ORDER_CREATED")]
    pub name: String,
    /// The heading under which people find it.
    pub group: String,
    /// A few words.
    pub title: String,
    /// When it is published.
    pub description: String,
    /// What its fields mean; empty for an account's own types.
    pub fields: Vec<FieldView>,
    /// `off`, `warn` or `reject`: what happens to an event that does not fit its schema.
    pub validation: Validation,
    /// It comes with Herald: only its validation can be changed.
    pub builtin: bool,
}

impl EventTypeEntry {
    pub(super) fn builtin(known: &EventType, own: Option<&TypeSummary>) -> Self {
        let validation = own.and_then(|own| own.validation).or(known.validation);
        Self {
            name: known.name.clone(),
            group: known.group.clone(),
            title: known.title.clone(),
            description: known.description.clone(),
            fields: known.fields.iter().map(FieldView::from).collect(),
            validation: validation.unwrap_or_default(),
            builtin: true,
        }
    }
}

impl From<TypeSummary> for EventTypeEntry {
    fn from(own: TypeSummary) -> Self {
        Self {
            name: own.name,
            group: own.group,
            title: own.title,
            description: own.description,
            fields: Vec::new(),
            validation: own.validation.unwrap_or_default(),
            builtin: false,
        }
    }
}

impl From<&Field> for FieldView {
    fn from(field: &Field) -> Self {
        Self {
            path: field.path.clone(),
            kind: field.kind.clone(),
            description: field.description.clone(),
        }
    }
}

impl EventTypeView {
    pub(super) fn builtin(known: &EventType, own: Option<&OwnType>) -> Self {
        let validation = own.and_then(|own| own.validation).or(known.validation);
        Self {
            name: known.name.clone(),
            group: known.group.clone(),
            title: known.title.clone(),
            description: known.description.clone(),
            fields: known.fields.iter().map(FieldView::from).collect(),
            schema: known.schema.clone(),
            example: known
                .example
                .as_ref()
                .and_then(|text| serde_json::from_str(text.get()).ok()),
            validation: validation.unwrap_or_default(),
            builtin: true,
        }
    }
}

impl From<OwnType> for EventTypeView {
    fn from(own: OwnType) -> Self {
        Self {
            name: own.name,
            group: own.group,
            title: own.title,
            description: own.description,
            fields: Vec::new(),
            schema: own.schema,
            example: own.example,
            validation: own.validation.unwrap_or_default(),
            builtin: false,
        }
    }
}
