//! The lines of the table of routes.

use actix_web::Route;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;

use super::operation::OperationDescription;
use crate::service::access::Need;
pub use crate::service::access::{Access, Scope};

/// What a route is a part of: each may have a listener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoutePart {
    /// `/v1` and its document.
    Api,
    /// What browsers get.
    Pages,
    /// Metrics for Prometheus.
    Metrics,
    /// Whether Herald lives and accepts: on every listener.
    Health,
}

/// The lines of the table.
#[derive(Clone, Copy)]
pub(super) struct Table(pub &'static [RouteEntry]);

impl Table {
    /// The place of the line that a request is for.
    pub(super) fn place(self, request: &ServiceRequest) -> Option<usize> {
        // HEAD has the line of GET.
        let method = match request.method() {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let of = |pattern: &str| {
            let mut lines = self.0.iter();
            lines.position(|entry| entry.pattern == pattern && entry.method == *method)
        };
        // Paths without variable parts need no pattern matching.
        of(request.path()).or_else(|| of(&request.match_pattern()?))
    }

    /// The method and the pattern of a line.
    pub(super) fn names(self, place: usize) -> (&'static str, &'static str) {
        let entry = self.0.get(place);
        entry.map_or(("", "unknown"), |it| (it.method.as_str(), it.pattern))
    }

    /// The methods of a pattern.
    pub(super) fn methods(self, pattern: &str) -> Vec<&'static str> {
        let lines = self.0.iter().filter(|entry| entry.pattern == pattern);
        let mut methods: Vec<&str> = lines.map(|entry| entry.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods
    }
}

/// One line of the table.
pub struct RouteEntry {
    /// The method.
    pub method: Method,
    /// The path, with `{…}` for its variable parts.
    pub pattern: &'static str,
    /// Who may use it.
    pub access: Access,
    /// In whose account.
    pub scope: Scope,
    pub(super) route: fn() -> Route,
    /// What the API's document says about it; none: it is a page, or a file of pages.
    pub(super) operation: Option<Operation>,
}

/// An operation of the API.
pub(super) struct Operation {
    /// Its heading in the document, and what is under that heading.
    pub tag: (&'static str, &'static str),
    /// Its handler's name in the code.
    pub handler: &'static str,
    /// What it is for: a line, and perhaps more behind an empty one.
    pub text: &'static [&'static str],
    /// Refusals that do not come of what it takes, with their reasons.
    pub refusals: &'static [(u16, &'static str)],
    /// Whether it reads the query.
    pub asks: fn() -> bool,
    /// Describes what its handler takes and returns.
    pub describe: fn(&mut OperationDescription),
}

impl RouteEntry {
    /// What its callers must be.
    pub(super) const fn need(&self) -> Need {
        Need {
            access: self.access,
            scope: self.scope,
        }
    }

    /// Whether the route is part of the API's document: pages, what leads to them and their files
    /// are not.
    #[must_use]
    pub const fn is_documented(&self) -> bool {
        self.operation.is_some()
    }

    /// What the route is a part of.
    #[must_use]
    pub(super) fn part(&self) -> RoutePart {
        match self.pattern {
            pattern if pattern.starts_with("/v1/") => RoutePart::Api,
            "/openapi.json" => RoutePart::Api,
            "/metrics" => RoutePart::Metrics,
            "/healthz" | "/readyz" => RoutePart::Health,
            _ => RoutePart::Pages,
        }
    }

    /// Whether browsers get HTML, styles or scripts there, which are worth packing.
    #[must_use]
    pub(super) fn is_packed(&self) -> bool {
        self.access.is_page() || !self.pattern.starts_with("/v1") && self.access == Access::Public
    }

    /// Whether programs read a list there: it is packed for those that ask for it.
    #[must_use]
    pub(super) fn is_list(&self) -> bool {
        let pattern = self.pattern;
        self.method == Method::GET && pattern.starts_with("/v1/") && !pattern.contains('{')
    }
}
