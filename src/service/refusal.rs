//! Why Herald does not do what a caller wants, as a sentence for that caller. The layers
//! above decide how to answer (with a status, a page, an exit code).

mod causes;

use serde::Serialize;
use utoipa::ToSchema;

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be read.
    Malformed,
    /// The caller is not known.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// Nothing of the caller's account is there.
    NotFound,
    /// It cannot be done in the present state.
    Conflict,
    /// It is too large.
    TooLarge,
    /// It can be read, but its values are wrong.
    Invalid,
    /// Too many requests with this token; a later one is taken.
    RateLimited,
    /// As much of it is under way as the caller may have; one that ends makes room.
    Enough,
    /// The account has used all that it may use today.
    UsedUp,
    /// The event goes in a circle.
    Loop,
    /// Something that the operator must look at.
    Internal,
    /// The database is away or Herald is stopping.
    Unavailable,
}

/// One value at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// A JSON pointer into the body (RFC 6901), or `?name` for a query parameter, or the name of
    /// a header.
    #[schema(example = "/triggers/0")]
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Fault {
    /// One fault.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// A line of a batch that was not taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RejectedLine)]
pub struct RefusedLine {
    /// Its number, from 1; blank lines count.
    pub line: usize,
    /// What is wrong with it.
    pub detail: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl RefusedLine {
    /// A line with what is wrong with it.
    #[must_use]
    pub fn of(line: usize, why: Refusal) -> Self {
        Self {
            line,
            detail: why.detail,
            errors: why.faults,
        }
    }
}

/// Why Herald does not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub reason: Reason,
    /// What happened this time, in a sentence for people.
    pub detail: String,
    /// The values at fault, all of them at once.
    pub faults: Vec<Fault>,
    /// Seconds after which another try is worth it.
    pub retry_after: Option<i64>,
}

impl Refusal {
    /// A refusal with what happened this time, in a sentence for people.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            faults: Vec::new(),
            retry_after: None,
        }
    }

    /// Wrong values, all of them.
    #[must_use]
    pub fn invalid(faults: Vec<Fault>) -> Self {
        Self::of_faults(Reason::Invalid, faults)
    }

    /// A query that cannot be taken, with every parameter at fault.
    #[must_use]
    pub fn query(faults: Vec<Fault>) -> Self {
        Self::of_faults(Reason::Malformed, faults)
    }

    /// The same with the values at fault.
    #[must_use]
    pub fn with(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    fn of_faults(reason: Reason, faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} values are wrong", several.len()),
        };
        Self::new(reason, detail).with(faults)
    }

    /// Nothing of that kind and id in the caller's account.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what} in this account.");
        Self::new(Reason::NotFound, detail)
    }

    /// It cannot be done in the present state.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Reason::Conflict, detail)
    }

    /// It cannot be done now, and may be later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Reason::Unavailable, detail)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}
