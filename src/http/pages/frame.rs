//! What surrounds every page of somebody who is signed in: the rail with the places, the title,
//! one line of what the page is for, its main action, and what was done just now.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maud::{Markup, PreEscaped, html};

use super::layout;
use super::visit::Visit;

/// The places of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nav {
    /// How it goes, and what needs attention.
    Overview,
    /// The subscriptions.
    Webhooks,
    /// The webhook log.
    Deliveries,
    /// The catalogue and the events.
    Events,
    /// What users did.
    Activity,
    /// The mail log.
    Mail,
    /// The scripts.
    Plugins,
    /// People, tokens, accounts, oneself.
    Settings,
}

/// The places with their names and addresses.
const PLACES: [(Nav, &str, &str); 8] = [
    (Nav::Overview, "Overview", "/"),
    (Nav::Webhooks, "Webhooks", "/webhooks"),
    (Nav::Deliveries, "Deliveries", "/deliveries"),
    (Nav::Events, "Events", "/events"),
    (Nav::Activity, "Activity", "/activity"),
    (Nav::Mail, "Mail", "/mail"),
    (Nav::Plugins, "Plugins", "/plugins"),
    (Nav::Settings, "Settings", "/settings"),
];

/// The path of a place's icon, of 20 by 20.
const fn icon(place: Nav) -> &'static str {
    match place {
        Nav::Overview => "M3 17V9m5 8V4m5 13v-6m5 6V7",
        Nav::Webhooks => "M7 7a3 3 0 1 1 5 2l-3 5m-3-2a3 3 0 1 0 3 3h6m-4-7 3 5a3 3 0 1 1-1 4",
        Nav::Deliveries => "M3 10h10m-4-4 4 4-4 4m7-10v12",
        Nav::Events => "M11 2 4 11h5l-1 7 8-10h-6z",
        Nav::Activity => "M2 10h4l2-6 4 12 2-6h4",
        Nav::Mail => "M3 5h14v10H3zm0 0 7 6 7-6",
        Nav::Plugins => "M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zm5 8v3",
        Nav::Settings => "M3 6h8m4 0h2M3 14h2m4 0h8M13 4v4M7 12v4",
    }
}

/// A page that is being put together.
pub(super) struct Frame<'a> {
    visit: &'a Visit,
    place: Nav,
    title: &'a str,
    lead: &'a str,
    action: Option<Markup>,
    back: Option<(String, String)>,
    status: StatusCode,
}

impl Visit {
    /// Begins a page: its place in the rail, its title, and one line of what it is for (may be
    /// empty).
    pub(super) const fn page<'a>(&'a self, place: Nav, title: &'a str, lead: &'a str) -> Frame<'a> {
        Frame {
            visit: self,
            place,
            title,
            lead,
            action: None,
            back: None,
            status: StatusCode::OK,
        }
    }
}

impl Frame<'_> {
    /// The main action, at the right of the title.
    #[must_use]
    pub(super) fn action(mut self, action: Markup) -> Self {
        self.action = Some(action);
        self
    }

    /// Where this page belongs to, above the title.
    #[must_use]
    pub(super) fn back(mut self, href: impl Into<String>, name: impl Into<String>) -> Self {
        self.back = Some((href.into(), name.into()));
        self
    }

    /// Another status than 200.
    #[must_use]
    pub(super) const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page.
    pub(super) fn show(self, body: &Markup) -> HttpResponse {
        let done = self.visit.done();
        let whole = html! {
            a class="skip" href="#main" { "Skip to the content" }
            header class="rail" {
                a class="brand" href="/" { (LOGO) "Herald" }
                nav class="wide" aria-label="Places" { (self.places()) (self.who()) }
                details class="menu" {
                    summary { "Menu" }
                    nav aria-label="Places" { (self.places()) (self.who()) }
                }
            }
            main id="main" tabindex="-1" {
                @if let Some((href, name)) = &self.back {
                    p class="crumb" { a href=(href) { "← " (name) } }
                }
                div class="head" {
                    div {
                        h1 { (self.title) }
                        @if !self.lead.is_empty() { p class="lead" { (self.lead) } }
                    }
                    @if let Some(action) = &self.action { div class="actions" { (action) } }
                }
                @if let Some(sentence) = done { p class="notice" role="status" { (sentence) } }
                (body)
            }
        };
        let zone = self.visit.reader.zone.name();
        layout::document(self.status, self.title, Some(zone), &whole)
    }

    fn places(&self) -> Markup {
        html! {
            ul {
                @for (place, name, href) in PLACES {
                    li class=[(place == Nav::Settings).then_some("apart")] {
                        a href=(href) aria-current=[(place == self.place).then_some("page")] {
                            svg viewBox="0 0 20 20" aria-hidden="true" { path d=(icon(place)); }
                            (name)
                        }
                    }
                }
            }
        }
    }

    fn who(&self) -> Markup {
        let session = &self.visit.signed_in.session;
        html! {
            div class="who" {
                a href="/settings/profile" title=(session.email) {
                    @if session.name.is_empty() { (session.email) } @else { (session.name) }
                }
                (self.visit.post("/sign-out", "Sign out", "quiet"))
            }
        }
    }
}

const LOGO: PreEscaped<&str> = PreEscaped(
    "<svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path d=\"M6 12v8h4l9 6V6l-9 6H6zm17-2a8.5 \
     8.5 0 0 1 0 12\"/></svg>",
);
