//! The shapes of bodies: what is answered, and (for the OpenAPI document alone, since bodies are
//! read field by field so that all faults are told at once) what is taken.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::id::EventId;
use crate::http::problem::{Fault, RejectedLine};

/// The answer to one event.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "described here, written by hand on the hot path")]
pub(in crate::http) struct Published {
    /// The event's id.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// How many subscriptions matched.
    deliveries: usize,
    /// The Idempotency-Key was used before with the same body; this is the first answer again.
    duplicate: bool,
    /// Where the event does not fit its schema, which did not stop it.
    warnings: Option<Vec<Fault>>,
}

/// The answer to a batch.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BatchPublished {
    /// How many lines are committed, duplicates included.
    pub(super) accepted: usize,
    /// The lines that were not.
    pub(super) rejected: Vec<RejectedLine>,
    /// The ids of the committed lines, in their order.
    #[schema(value_type = Vec<String>)]
    pub(super) ids: Vec<EventId>,
    /// The numbers of the committed lines that an earlier request had stored under the same key:
    /// nothing new came of them, and their ids are those of then.
    pub(super) duplicates: Vec<usize>,
    /// The committed lines that do not fit their schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<LineWarnings>,
}

/// A committed line that does not fit its schema.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LineWarnings {
    /// Its number, from 1.
    pub(super) line: usize,
    /// Where it does not fit.
    #[schema(value_type = Vec<Fault>)]
    pub(super) warnings: Box<RawValue>,
}

/// A number that a caller gets as it stands in the database.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Audit {
    /// When the snapshot was taken.
    pub(super) as_of: DateTime<Utc>,
    /// Events.
    pub(super) accepted: i64,
    /// Their targets, each in exactly one of the following classes.
    pub(super) targets: i64,
    /// Ended: the receiver answered 2xx.
    pub(super) sent: i64,
    /// Ended: the schedule was used up.
    pub(super) failed: i64,
    /// Ended: a plugin said no.
    pub(super) filtered: i64,
    /// Ended: given up on purpose.
    pub(super) cancelled: i64,
    /// To be tried, with a row that says when.
    pub(super) open: i64,
    /// Being tried for the first time by a live daemon.
    pub(super) in_flight: i64,
    /// None of these: must be 0.
    pub(super) lost: i64,
    /// Ended and open at once: must be 0.
    pub(super) double: i64,
    /// `lost` and `double` together.
    pub(super) difference: i64,
    /// What retention removed: in none of the counts above.
    pub(super) retired: Retired,
}

/// What retention removed
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Retired {
    /// Events.
    pub(super) events: i64,
    /// Their targets.
    pub(super) targets: i64,
    /// Deliveries that were still open.
    pub(super) open: i64,
}

macro_rules! taken {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(ToSchema)]
            #[allow(dead_code, reason = "describes a body in the OpenAPI document")]
            pub(in crate::http) struct $name { $($(#[$field_doc])* $field: $kind,)* }
        )*
    };
}

taken! {
    /// An event. Herald itself needs `event_type` alone; further fields are delivered as they are.
    EventInput {
        /// A name of the catalogue.
        #[schema(example = "STORE_ORDER_CREATED")]
        event_type: String,
        /// What happened; any JSON value.
        data: Option<serde_json::Value>,
        /// The resource that it happened to; any JSON value.
        resource_data: Option<serde_json::Value>,
        /// Which part of the application tells it.
        source: Option<String>,
        /// When it happened.
        event_timestamp: Option<String>,
        /// The kind of the resource.
        resource_type: Option<String>,
    }

    /// Something that a user did.
    ActivityInput {
        /// Who: an e-mail or a name, 1 to 254 characters.
        #[schema(example = "ann@example.com")]
        user: String,
        /// A group of the catalogue.
        #[schema(example = "Order")]
        group: String,
        /// An activity of that group.
        #[schema(example = "Submit")]
        activity: String,
        /// What else is to be known of it: any JSON value of at most 64 KiB.
        payload: Option<serde_json::Value>,
        /// When it was done, at most 30 days ago; now if left out.
        at: Option<DateTime<Utc>>,
    }
}
