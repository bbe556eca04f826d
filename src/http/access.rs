//! The table of the API and of the pages: each method and path, who may use it, whose account it
//! acts in, and what answers. Nothing is reachable that does not stand here; the routes are made from it.

use actix_web::Route;
use actix_web::http::Method;

use super::api::{
    accounts, activities, activity_input, activity_types, audit, batch, deliveries, dry_run,
    event_types, events, health, mail_input, mails, plugins, publish, secrets, subscriptions,
    switches, tokens, users,
};
use super::pages::events as reference;
use super::pages::{self, activity_counts, activity_log, assets, deliveries as log};
use super::pages::{mail_log, overview, password, reset, settings, sign_in, webhooks};
use super::{home, metrics};
use crate::service::access::Need;
pub use crate::service::access::{Access, Scope};

/// What a route is a part of: each may have a listener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `/v1` and its document.
    Api,
    /// What browsers get.
    Pages,
    /// Figures for Prometheus.
    Metrics,
    /// Whether Herald lives and accepts: on every listener.
    Health,
}

/// One line of the table.
pub struct Entry {
    /// The method.
    pub method: Method,
    /// The path, with `{…}` for its variable parts.
    pub pattern: &'static str,
    /// Who may.
    pub access: Access,
    /// In whose account.
    pub scope: Scope,
    pub(super) route: fn() -> Route,
    /// Its handler's name in the code.
    handler: &'static str,
}

impl Entry {
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
    pub fn is_documented(&self) -> bool {
        self.part() != Part::Pages || self.pattern == "/"
    }

    /// The name of the operation in the API's document, from which generators make the names of
    /// functions: the resource and what is done, such as `subscriptions_secret_rotate`.
    #[must_use]
    pub(super) fn operation_id(&self) -> String {
        let path = self.pattern.trim_start_matches("/v1").split('/');
        let parts = path.filter(|part| !part.is_empty() && !part.starts_with('{'));
        let mut names: Vec<String> = parts.map(|part| part.replace(['-', '.'], "_")).collect();
        let done = self.handler.rsplit("::").next().unwrap_or_default();
        let done = done.trim_start();
        match names.pop() {
            None => names.push("home".to_owned()),
            // What is done says it already.
            Some(last) if done.contains(&last) => {}
            Some(last) if last.contains(done) => {
                names.push(last);
                return names.join("_");
            }
            Some(last) => names.push(last),
        }
        names.push(done.to_owned());
        names.join("_")
    }

    /// What the route is a part of.
    #[must_use]
    pub(super) fn part(&self) -> Part {
        match self.pattern {
            pattern if pattern.starts_with("/v1/") => Part::Api,
            "/openapi.json" => Part::Api,
            "/metrics" => Part::Metrics,
            "/healthz" | "/readyz" => Part::Health,
            _ => Part::Pages,
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
        self.method == Method::GET
            && self.pattern.starts_with("/v1/")
            && !self.pattern.contains('{')
    }
}

macro_rules! entry {
    ($method:ident $pattern:literal, $access:ident, $scope:ident, $handler:path) => {
        Entry {
            method: Method::$method,
            pattern: $pattern,
            access: Access::$access,
            scope: Scope::$scope,
            route: || Route::new().method(Method::$method).to($handler),
            handler: stringify!($handler),
        }
    };
}

/// The table. What is asked most often stands first.
#[rustfmt::skip]
pub static TABLE: &[Entry] = &[
    entry!(POST   "/v1/events", Publish, Account, publish::publish),
    entry!(GET    "/v1/events", Read, Account, events::list),
    entry!(POST   "/v1/events/batch", Publish, Account, batch::publish_batch),
    entry!(GET    "/v1/events/{id}", Read, Account, events::show),

    entry!(GET    "/v1/event-types", Lookup, Account, event_types::list),
    entry!(POST   "/v1/event-types", Manage, Account, event_types::create),
    entry!(GET    "/v1/event-types/{name}", Lookup, Account, event_types::show),
    entry!(PATCH  "/v1/event-types/{name}", Manage, Account, event_types::change),
    entry!(DELETE "/v1/event-types/{name}", Manage, Account, event_types::remove),

    entry!(GET    "/v1/subscriptions", Read, Account, subscriptions::list),
    entry!(POST   "/v1/subscriptions", Manage, Account, subscriptions::create),
    entry!(GET    "/v1/subscriptions/{id}", Read, Account, subscriptions::show),
    entry!(PATCH  "/v1/subscriptions/{id}", Manage, Account, subscriptions::change),
    entry!(DELETE "/v1/subscriptions/{id}", Manage, Account, subscriptions::remove),
    entry!(GET    "/v1/subscriptions/{id}/secret", Manage, Account, secrets::show),
    entry!(POST   "/v1/subscriptions/{id}/secret/rotate", Manage, Account, secrets::rotate),
    entry!(POST   "/v1/subscriptions/{id}/test", Manage, Account, switches::send_test),
    entry!(POST   "/v1/subscriptions/{id}/pause", Manage, Account, switches::pause),
    entry!(POST   "/v1/subscriptions/{id}/resume", Manage, Account, switches::resume),
    entry!(POST   "/v1/subscriptions/{id}/enable", Manage, Account, switches::enable),
    entry!(POST   "/v1/subscriptions/{id}/disable", Manage, Account, switches::disable),

    entry!(GET    "/v1/deliveries", Read, Account, deliveries::list),
    entry!(GET    "/v1/deliveries/{event_id}/{subscription_id}", Read, Account, deliveries::show),
    entry!(POST   "/v1/deliveries/{event_id}/{subscription_id}/resend", Manage, Account, deliveries::resend),

    entry!(GET    "/v1/activities", Read, Account, activities::list),
    entry!(POST   "/v1/activities", Publish, Account, activity_input::record),
    entry!(POST   "/v1/activities/batch", Publish, Account, activity_input::record_batch),
    entry!(GET    "/v1/activities/summary", Read, Account, activities::summary),
    entry!(GET    "/v1/activity-types", Lookup, Account, activity_types::list),
    entry!(POST   "/v1/activity-types", Manage, Account, activity_types::create),

    entry!(POST   "/v1/mails", Publish, Account, mail_input::send),
    entry!(GET    "/v1/mails", Read, Account, mails::list),
    entry!(GET    "/v1/mails/{id}", Read, Account, mails::show),

    entry!(GET    "/v1/plugins", Read, Either, plugins::list),
    entry!(POST   "/v1/plugins/{kind}/{file}/dry-run", Manage, Either, dry_run::run),

    entry!(GET    "/v1/accounts", Operate, Server, accounts::list),
    entry!(POST   "/v1/accounts", Operate, Server, accounts::create),
    entry!(GET    "/v1/accounts/{id}", Operate, Server, accounts::show),
    entry!(PATCH  "/v1/accounts/{id}", Operate, Server, accounts::change),
    entry!(DELETE "/v1/accounts/{id}", Operate, Server, accounts::remove),

    entry!(GET    "/v1/tokens", Manage, Either, tokens::list),
    entry!(POST   "/v1/tokens", Manage, Either, tokens::create),
    entry!(GET    "/v1/tokens/{id}", Manage, Either, tokens::show),
    entry!(PATCH  "/v1/tokens/{id}", Manage, Either, tokens::change),
    entry!(DELETE "/v1/tokens/{id}", Manage, Either, tokens::revoke),

    entry!(GET    "/v1/users", Manage, Account, users::list),
    entry!(POST   "/v1/users", Manage, Account, users::invite),
    entry!(GET    "/v1/users/{id}", Manage, Account, users::show),
    entry!(PATCH  "/v1/users/{id}", Manage, Account, users::change),
    entry!(DELETE "/v1/users/{id}", Manage, Account, users::remove),

    entry!(GET    "/v1/audit", Manage, Either, audit::run),

    entry!(GET    "/", Public, Server, home::show),
    entry!(GET    "/sign-in", Public, Server, sign_in::show),
    entry!(POST   "/sign-in", Public, Server, sign_in::submit),
    entry!(POST   "/sign-out", SignedIn, Server, sign_in::sign_out),
    entry!(GET    "/reset", Public, Server, reset::show),
    entry!(POST   "/reset", Public, Server, reset::submit),
    entry!(GET    "/reset/{token}", Public, Server, password::show_reset),
    entry!(POST   "/reset/{token}", Public, Server, password::submit_reset),
    entry!(GET    "/invitation/{token}", Public, Server, password::show_invitation),
    entry!(POST   "/invitation/{token}", Public, Server, password::submit_invitation),

    entry!(GET    "/healthz", Public, Server, health::healthz),
    entry!(GET    "/readyz", Public, Server, health::readyz),
    entry!(GET    "/metrics", Public, Server, metrics::show),
    entry!(GET    "/openapi.json", Public, Server, health::openapi),
    entry!(GET    "/assets/{file}", Public, Server, assets::show),

    // Pages: webhooks.
    entry!(GET    "/webhooks", View, Account, webhooks::list),
    entry!(GET    "/webhooks/new", Administer, Account, webhooks::edit::new),
    entry!(POST   "/webhooks/new", Administer, Account, webhooks::edit::create),
    entry!(GET    "/webhooks/{id}", View, Account, webhooks::show::page),
    entry!(GET    "/webhooks/{id}/edit", Administer, Account, webhooks::edit::edit),
    entry!(POST   "/webhooks/{id}/edit", Administer, Account, webhooks::edit::save),
    entry!(POST   "/webhooks/{id}/pause", Administer, Account, webhooks::actions::pause),
    entry!(GET    "/webhooks/{id}/resume", Administer, Account, webhooks::actions::resuming),
    entry!(POST   "/webhooks/{id}/resume", Administer, Account, webhooks::actions::resume),
    entry!(POST   "/webhooks/{id}/enable", Administer, Account, webhooks::actions::enable),
    entry!(POST   "/webhooks/{id}/disable", Administer, Account, webhooks::actions::disable),
    entry!(GET    "/webhooks/{id}/delete", Administer, Account, webhooks::actions::deleting),
    entry!(POST   "/webhooks/{id}/delete", Administer, Account, webhooks::actions::delete),
    entry!(GET    "/webhooks/{id}/test", Administer, Account, webhooks::trial::page),
    entry!(POST   "/webhooks/{id}/test", Administer, Account, webhooks::trial::send),
    entry!(GET    "/webhooks/{id}/secret", Administer, Account, webhooks::secret::page),
    entry!(POST   "/webhooks/{id}/secret", Administer, Account, webhooks::secret::show),
    entry!(POST   "/webhooks/{id}/secret/rotate", Administer, Account, webhooks::secret::rotate),

    // Pages: deliveries and the live tail.
    entry!(GET    "/deliveries", View, Account, log::list),
    entry!(GET    "/deliveries/live", View, Account, log::live::stream),
    entry!(GET    "/deliveries/resend", Administer, Account, log::many::ask),
    entry!(POST   "/deliveries/resend", Administer, Account, log::many::resend),
    entry!(GET    "/deliveries/{event_id}/{subscription_id}", View, Account, log::show::show),
    entry!(POST   "/deliveries/{event_id}/{subscription_id}/resend", Administer, Account, log::show::resend),

    // Pages: events and the catalogue.
    entry!(GET    "/events", View, Account, reference::list),
    entry!(GET    "/events/log", View, Account, reference::log::list),
    entry!(GET    "/events/new", Administer, Account, reference::own::new),
    entry!(POST   "/events/new", Administer, Account, reference::own::create),
    entry!(GET    "/events/types/{name}", View, Account, reference::kind::page),
    entry!(POST   "/events/types/{name}/publish", Administer, Account, reference::kind::publish),
    entry!(GET    "/events/types/{name}/edit", Administer, Account, reference::own::edit),
    entry!(POST   "/events/types/{name}/edit", Administer, Account, reference::own::save),
    entry!(POST   "/events/types/{name}/delete", Administer, Account, reference::own::delete),
    entry!(GET    "/events/{id}", View, Account, reference::show::page),
    entry!(GET    "/events/{id}/raw", View, Account, reference::show::raw),

    // Pages: activities.
    entry!(GET    "/activity", View, Account, activity_log::list),
    entry!(GET    "/activity/summary", View, Account, activity_counts::show),
    entry!(GET    "/activity/{id}", View, Account, activity_log::show),

    // Pages: mails.
    entry!(GET    "/mail", View, Account, mail_log::list),
    entry!(GET    "/mail/{id}", View, Account, mail_log::show),
    entry!(GET    "/mail/{id}/html", View, Account, mail_log::html),

    // Pages: plugins.
    entry!(GET    "/plugins", View, Account, pages::plugins::list),
    entry!(GET    "/plugins/{kind}/{file}", View, Account, pages::plugins::show),

    // Pages: settings.
    entry!(GET    "/settings", View, Account, settings::index),
    entry!(GET    "/settings/profile", View, Account, settings::profile::show),
    entry!(POST   "/settings/profile", View, Account, settings::profile::rename),
    entry!(POST   "/settings/profile/password", View, Account, settings::profile::set_password),
    entry!(POST   "/settings/profile/sessions", View, Account, settings::profile::end_others),
    entry!(GET    "/settings/users", Administer, Account, settings::users::list),
    entry!(POST   "/settings/users", Administer, Account, settings::users::invite),
    entry!(GET    "/settings/users/new", Administer, Account, settings::users::new),
    entry!(GET    "/settings/users/{id}", Administer, Account, settings::users::show),
    entry!(POST   "/settings/users/{id}", Administer, Account, settings::users::change),
    entry!(POST   "/settings/users/{id}/disable", Administer, Account, settings::users::disable),
    entry!(POST   "/settings/users/{id}/enable", Administer, Account, settings::users::enable),
    entry!(GET    "/settings/users/{id}/remove", Administer, Account, settings::users::ask_removal),
    entry!(POST   "/settings/users/{id}/remove", Administer, Account, settings::users::remove),
    entry!(GET    "/settings/tokens", Administer, Account, settings::tokens::list),
    entry!(POST   "/settings/tokens", Administer, Account, settings::tokens::make),
    entry!(GET    "/settings/tokens/new", Administer, Account, settings::tokens::new),
    entry!(GET    "/settings/tokens/{id}", Administer, Account, settings::tokens::show),
    entry!(POST   "/settings/tokens/{id}", Administer, Account, settings::tokens::change),
    entry!(GET    "/settings/tokens/{id}/revoke", Administer, Account, settings::tokens::ask_revocation),
    entry!(POST   "/settings/tokens/{id}/revoke", Administer, Account, settings::tokens::revoke),
    entry!(GET    "/settings/accounts", Oversee, Server, settings::accounts::list),
    entry!(POST   "/settings/accounts", Oversee, Server, settings::accounts::add),
    entry!(GET    "/settings/accounts/new", Oversee, Server, settings::accounts::new),
    entry!(GET    "/settings/accounts/{id}", Oversee, Server, settings::accounts::show),
    entry!(POST   "/settings/accounts/{id}", Oversee, Server, settings::accounts::change),
    entry!(GET    "/settings/accounts/{id}/remove", Oversee, Server, settings::accounts::ask_removal),
    entry!(POST   "/settings/accounts/{id}/remove", Oversee, Server, settings::accounts::remove),

    // Pages: overview.
    entry!(POST   "/audit", Administer, Account, overview::begin_audit),
];
