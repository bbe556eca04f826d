//! What a published event looks like, for the API's document: Herald reads its type alone, and
//! delivers its bytes as they came.

use serde_json::{Value, json};

use crate::service::input::NamedSchema;

/// An event as it is published.
#[derive(Debug)]
pub struct EventBody;

impl NamedSchema for EventBody {
    const NAME: &'static str = "EventBody";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "An event. Herald itself needs `event_type` alone; further fields are \
                            delivered as they are.",
            "required": ["event_type"],
            "properties": {
                "event_type": {
                    "type": "string", "minLength": 1, "maxLength": 128,
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
                    "description": "A name of the catalogue.",
                    "example": "STORE_ORDER_CREATED",
                },
                "data": {
                    "description": "What happened; any JSON value.",
                    "example": { "id": 17 },
                },
                "resource_data": {
                    "description": "The resource that it happened to; any JSON value.",
                },
                "source": {
                    "description": "Who or what caused it.",
                    "example": { "type": "USER", "account_name": "owner@example.com" },
                },
                "event_timestamp": {
                    "description": "When it happened; the built-in types have milliseconds since 1970.",
                    "example": 1_718_000_000_000_i64,
                },
                "resource_type": {
                    "description": "The kind of the resource.",
                    "example": "order",
                },
            },
        })
    }
}
