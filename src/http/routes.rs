//! The table of the API and of the pages: each method and path, who may use it, whose account it
//! acts in, and its handler; of an operation of the API also what it is for, from which its
//! document is made. Nothing is reachable that is not listed here; the routes are made from it.

use std::sync::LazyLock;

use actix_web::Route;
use actix_web::http::Method;

use super::access::{Access, Operation, RouteEntry, Scope};
use super::api::{
    accounts, activities, activity_types, audit, deliveries, event_types, events, health, mails,
    plugins, publish, secrets, subscriptions, switches, tokens, users,
};
use super::operation::{asks, describe};
use super::pages::events as reference;
use super::pages::{self, activity_counts, activity_log, assets, deliveries as log};
use super::pages::{mail_log, overview, password, reset, settings, sign_in, webhooks};
use super::{home, metrics, openapi};

macro_rules! table {
    (
        $($tag:literal: $tag_text:literal {
            $(
                $(#[doc = $doc:literal])+
                $method:ident $pattern:literal, $access:ident, $scope:ident, $handler:path
                $(, $status:literal $why:literal)*;
            )+
        })+
        pages {
            $($page_method:ident $page_pattern:literal, $page_access:ident, $page_scope:ident, $page:path;)+
        }
    ) => {
        &[
            $($(RouteEntry {
                method: Method::$method,
                pattern: $pattern,
                access: Access::$access,
                scope: Scope::$scope,
                route: || Route::new().method(Method::$method).to($handler),
                operation: Some(Operation {
                    tag: ($tag, $tag_text),
                    handler: stringify!($handler),
                    text: &[$($doc),+],
                    refusals: &[$(($status, $why)),*],
                    asks: || asks(&$handler),
                    describe: |described| describe(&$handler, described),
                }),
            },)+)+
            $(RouteEntry {
                method: Method::$page_method,
                pattern: $page_pattern,
                access: Access::$page_access,
                scope: Scope::$page_scope,
                route: || Route::new().method(Method::$page_method).to($page),
                operation: None,
            },)+
        ]
    };
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::document(TABLE));

/// The API's document as JSON, made once.
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

/// The table. The most frequent requests come first.
pub static TABLE: &[RouteEntry] = table! {
    "events": "What happened in the application: publishing it, and what was published." {
        /// Publish one event
        ///
        /// Answers after the event and its targets are committed. The same `Idempotency-Key` with the
        /// same body gets the first answer again, for 24 hours.
        POST "/v1/events", Publish, Account, publish::publish;

        /// List events, newest first
        GET "/v1/events", Read, Account, events::list;

        /// Publish up to 1,000 events
        ///
        /// One JSON object a line (NDJSON), at most 16 MiB. The good lines are committed, the
        /// others are listed by number; if there is no good one, all of it is refused. Line L of a
        /// batch with an `Idempotency-Key` has the key `<key>/L`.
        POST "/v1/events/batch", Publish, Account, publish::publish_batch;

        /// Show one event with its payload and its deliveries
        GET "/v1/events/{id}", Read, Account, events::show;
    }

    "event types": "The catalogue of what can happen, and types of your own." {
        /// List event types, by name
        ///
        /// Schemas and examples are in `GET /v1/event-types/{name}`.
        GET "/v1/event-types", Lookup, Account, event_types::list;

        /// Add an own event type
        POST "/v1/event-types", Manage, Account, event_types::create,
            409 "The name is taken, or the account has as many types, or as large schemas, as it may";

        /// Show one event type
        GET "/v1/event-types/{name}", Lookup, Account, event_types::show;

        /// Change an event type
        ///
        /// Of a built-in one, `validation` alone can be changed, for this account.
        PATCH "/v1/event-types/{name}", Manage, Account, event_types::change,
            409 "The account has as large schemas as it may";

        /// Remove an own event type
        DELETE "/v1/event-types/{name}", Manage, Account, event_types::remove,
            409 "It is built in";
    }

    "subscriptions": "Webhooks: where deliveries go, their secrets and states." {
        /// List subscriptions
        GET "/v1/subscriptions", Read, Account, subscriptions::list;

        /// Make a subscription
        POST "/v1/subscriptions", Manage, Account, subscriptions::create,
            409 "The account has as many as it may";

        /// Show one subscription
        GET "/v1/subscriptions/{id}", Read, Account, subscriptions::show;

        /// Change a subscription
        ///
        /// What is left out stays as it is. Deliveries that are open follow the new values.
        PATCH "/v1/subscriptions/{id}", Manage, Account, subscriptions::change,
            409 "A daemon of an older version is still running, or a header cannot be opened";

        /// Remove a subscription
        ///
        /// It matches nothing from now on; its open deliveries are cancelled, its log stays.
        DELETE "/v1/subscriptions/{id}", Manage, Account, subscriptions::remove;

        /// Show the secrets of a subscription
        GET "/v1/subscriptions/{id}/secret", Manage, Account, secrets::show,
            409 "It cannot be opened";

        /// Replace the secret of a subscription
        ///
        /// The old ones sign as well until the overlap ends, so that the receiver can change over.
        POST "/v1/subscriptions/{id}/secret/rotate", Manage, Account, secrets::rotate,
            409 "Too many secrets sign already, or one cannot be opened";

        /// Try a subscription out
        ///
        /// Sends the example of an event type to it alone, with the header `webhook-test: true`,
        /// whatever its state. One attempt, no retry.
        POST "/v1/subscriptions/{id}/test", Manage, Account, switches::send_test;

        /// Pause a subscription
        ///
        /// Matches go on; its deliveries are held, in order, until it is resumed.
        POST "/v1/subscriptions/{id}/pause", Manage, Account, switches::pause,
            409 "It is disabled";

        /// Resume a paused subscription
        POST "/v1/subscriptions/{id}/resume", Manage, Account, switches::resume,
            409 "It is disabled";

        /// Enable a subscription
        ///
        /// It matches and delivers, first what it held.
        POST "/v1/subscriptions/{id}/enable", Manage, Account, switches::enable;

        /// Disable a subscription
        ///
        /// It matches nothing new; what it holds stays held.
        POST "/v1/subscriptions/{id}/disable", Manage, Account, switches::disable;
    }

    "deliveries": "Which event went where, with every attempt." {
        /// List deliveries, newest event first
        ///
        /// A page may have fewer entries than `limit`, even none, and still a `next_cursor`: go on
        /// until it is null.
        GET "/v1/deliveries", Read, Account, deliveries::list;

        /// Show one delivery with every attempt
        GET "/v1/deliveries/{event_id}/{subscription_id}", Read, Account, deliveries::show;

        /// Send one delivery again
        ///
        /// What has ended begins a new round of attempts; what is open becomes due now.
        POST "/v1/deliveries/{event_id}/{subscription_id}/resend", Manage, Account, deliveries::resend,
            409 "It is being delivered for the first time right now, or its subscription was deleted";
    }

    "activities": "What users did, in the application and in Herald." {
        /// List activities, those done last first
        GET "/v1/activities", Read, Account, activities::list;

        /// Record an activity
        ///
        /// Something that a user did in the host application. Group and activity must be in the
        /// catalogue (GET /v1/activity-types); an admin adds what is missing.
        POST "/v1/activities", Publish, Account, activities::record;

        /// Record up to 1,000 activities
        ///
        /// One JSON object a line (NDJSON), at most 16 MiB. The good lines are committed, the others are
        /// listed by number; if there is no good one, all of it is refused.
        POST "/v1/activities/batch", Publish, Account, activities::record_batch;

        /// Count activities by user and group
        ///
        /// How the team is doing: who did how much of what in a time, the most active first.
        GET "/v1/activities/summary", Read, Account, activities::summary;

        /// List the catalogue of activities, by group and name
        GET "/v1/activity-types", Lookup, Account, activity_types::list;

        /// Add an activity to the catalogue
        ///
        /// A group may be a new one. The application may record it from now on.
        POST "/v1/activity-types", Manage, Account, activity_types::create,
            409 "It is there already, or the account has as many as it may";
    }

    "mails": "Every mail that went out." {
        /// Send a mail, or record one
        ///
        /// It is sent as soon as the mail server takes it: after refusals for now (4xx) and faults of the
        /// network again after 5, 15 and 30 minutes, then hourly up to four days; a refusal for good
        /// (5xx) ends it. With `record_only` it was sent by the application and is only recorded.
        POST "/v1/mails", Publish, Account, mails::send;

        /// List mails, newest first
        GET "/v1/mails", Read, Account, mails::list;

        /// Show a mail
        ///
        /// With what it says and each of its tries.
        GET "/v1/mails/{id}", Read, Account, mails::show;
    }

    "plugins": "The scripts that filter and reshape." {
        /// List plugins, by name
        ///
        /// The scripts of the plugins folder as the daemon that serves this request has them. How a script
        /// does is judged for each account by itself.
        GET "/v1/plugins", Read, Either, plugins::list;

        /// Run a plugin on an event, and send nothing
        ///
        /// It runs the version at work, with the budget of an attempt. `filtered` and `failed` are
        /// answered with 200 as well. A script sees an example subscription unless `subscription` names
        /// one.
        POST "/v1/plugins/{kind}/{file}/dry-run", Manage, Either, plugins::dry_run,
            409 "No version of the plugin works";
    }

    "accounts": "Tenants, for the operator." {
        /// List accounts, newest first
        GET "/v1/accounts", Operate, Server, accounts::list;

        /// Make an account
        POST "/v1/accounts", Operate, Server, accounts::create,
            409 "The name is taken";

        /// Show one account
        GET "/v1/accounts/{id}", Operate, Server, accounts::show;

        /// Change an account
        PATCH "/v1/accounts/{id}", Operate, Server, accounts::change,
            409 "The name is taken, it is `main`, or a daemon of an older version, which would ignore `mail_senders`, is still running";

        /// Remove an account
        ///
        /// Only one without subscriptions and without events, so that no log loses its owner.
        DELETE "/v1/accounts/{id}", Operate, Server, accounts::remove,
            409 "It is in use, or it is `main`";
    }

    "tokens": "Who may use the API." {
        /// List tokens, newest first
        GET "/v1/tokens", Manage, Either, tokens::list;

        /// Make a token
        POST "/v1/tokens", Manage, Either, tokens::create,
            409 "The account has as many as it may";

        /// Show one token, without its text
        GET "/v1/tokens/{id}", Manage, Either, tokens::show;

        /// Change a token
        PATCH "/v1/tokens/{id}", Manage, Either, tokens::change;

        /// Revoke a token
        ///
        /// For good; every daemon refuses it within a second.
        DELETE "/v1/tokens/{id}", Manage, Either, tokens::revoke;
    }

    "users": "Who may sign in to the pages." {
        /// List users, newest first
        GET "/v1/users", Manage, Account, users::list;

        /// Invite a user
        ///
        /// A mail brings them a link to set their password, which works once, within 7 days.
        POST "/v1/users", Manage, Account, users::invite,
            409 "There is a user with this e-mail, or the account has as many as it may";

        /// Show one user
        GET "/v1/users/{id}", Manage, Account, users::show;

        /// Change a user
        ///
        /// Disabling ends their sessions and links at once. Nobody takes the role admin from themselves
        /// or disables themselves.
        PATCH "/v1/users/{id}", Manage, Account, users::change,
            409 "It is you";

        /// Remove a user
        ///
        /// With their sessions and links, at once. What they did stays in the activity log.
        DELETE "/v1/users/{id}", Manage, Account, users::remove,
            409 "It is you";
    }

    "operation": "Health, metrics and the audit." {
        /// Count what became of every target
        ///
        /// Of the account, or with an operator-wide token that names none of the whole server, in one
        /// snapshot. `lost` and `double` must be 0. Audits run one at a time: it waits up to 10 s for its
        /// turn.
        GET "/v1/audit", Manage, Either, audit::run;

        /// Whether the process lives
        GET "/healthz", Public, Server, health::healthz;

        /// Whether Herald takes events
        GET "/readyz", Public, Server, health::readyz,
            503 "It does not";

        /// This document
        GET "/openapi.json", Public, Server, health::openapi;

        /// Metrics for Prometheus
        ///
        /// In its text format. Where the setting `metrics_token` is set, it takes that token.
        GET "/metrics", Public, Server, metrics::show,
            400 "A parameter was given",
            401 "The token of the setting `metrics_token` is missing";
    }

    pages {
        GET "/", Public, Server, home::show;
        GET "/sign-in", Public, Server, sign_in::show;
        POST "/sign-in", Public, Server, sign_in::submit;
        POST "/sign-out", SignedIn, Server, sign_in::sign_out;
        GET "/reset", Public, Server, reset::show;
        POST "/reset", Public, Server, reset::submit;
        GET "/reset/{token}", Public, Server, password::show_reset;
        POST "/reset/{token}", Public, Server, password::submit_reset;
        GET "/invitation/{token}", Public, Server, password::show_invitation;
        POST "/invitation/{token}", Public, Server, password::submit_invitation;

        GET "/assets/{file}", Public, Server, assets::show;

        // Pages: webhooks.
        GET "/webhooks", View, Account, webhooks::list;
        GET "/webhooks/new", Administer, Account, webhooks::edit::new;
        POST "/webhooks/new", Administer, Account, webhooks::edit::create;
        GET "/webhooks/{id}", View, Account, webhooks::show::page;
        GET "/webhooks/{id}/edit", Administer, Account, webhooks::edit::edit;
        POST "/webhooks/{id}/edit", Administer, Account, webhooks::edit::save;
        POST "/webhooks/{id}/pause", Administer, Account, webhooks::actions::pause;
        GET "/webhooks/{id}/resume", Administer, Account, webhooks::actions::resuming;
        POST "/webhooks/{id}/resume", Administer, Account, webhooks::actions::resume;
        POST "/webhooks/{id}/enable", Administer, Account, webhooks::actions::enable;
        POST "/webhooks/{id}/disable", Administer, Account, webhooks::actions::disable;
        GET "/webhooks/{id}/delete", Administer, Account, webhooks::actions::deleting;
        POST "/webhooks/{id}/delete", Administer, Account, webhooks::actions::delete;
        GET "/webhooks/{id}/test", Administer, Account, webhooks::trial::page;
        POST "/webhooks/{id}/test", Administer, Account, webhooks::trial::send;
        GET "/webhooks/{id}/secret", Administer, Account, webhooks::secret::page;
        POST "/webhooks/{id}/secret", Administer, Account, webhooks::secret::show;
        POST "/webhooks/{id}/secret/rotate", Administer, Account, webhooks::secret::rotate;

        // Pages: deliveries and the live tail.
        GET "/deliveries", View, Account, log::list;
        GET "/deliveries/live", View, Account, log::live::stream;
        GET "/deliveries/resend", Administer, Account, log::many::ask;
        POST "/deliveries/resend", Administer, Account, log::many::resend;
        GET "/deliveries/{event_id}/{subscription_id}", View, Account, log::show::show;
        POST "/deliveries/{event_id}/{subscription_id}/resend", Administer, Account, log::show::resend;

        // Pages: events and the catalogue.
        GET "/events", View, Account, reference::list;
        GET "/events/log", View, Account, reference::log::list;
        GET "/events/new", Administer, Account, reference::own::new;
        POST "/events/new", Administer, Account, reference::own::create;
        GET "/events/types/{name}", View, Account, reference::kind::page;
        POST "/events/types/{name}/publish", Administer, Account, reference::kind::publish;
        GET "/events/types/{name}/edit", Administer, Account, reference::own::edit;
        POST "/events/types/{name}/edit", Administer, Account, reference::own::save;
        POST "/events/types/{name}/delete", Administer, Account, reference::own::delete;
        GET "/events/{id}", View, Account, reference::show::page;
        GET "/events/{id}/raw", View, Account, reference::show::raw;

        // Pages: activities.
        GET "/activity", View, Account, activity_log::list;
        GET "/activity/summary", View, Account, activity_counts::show;
        GET "/activity/{id}", View, Account, activity_log::show;

        // Pages: mails.
        GET "/mail", View, Account, mail_log::list;
        GET "/mail/{id}", View, Account, mail_log::show;
        GET "/mail/{id}/html", View, Account, mail_log::html;

        // Pages: plugins.
        GET "/plugins", View, Account, pages::plugins::list;
        GET "/plugins/{kind}/{file}", View, Account, pages::plugins::show;

        // Pages: settings.
        GET "/settings", View, Account, settings::index;
        GET "/settings/profile", View, Account, settings::profile::show;
        POST "/settings/profile", View, Account, settings::profile::rename;
        POST "/settings/profile/password", View, Account, settings::profile::set_password;
        POST "/settings/profile/sessions", View, Account, settings::profile::end_others;
        GET "/settings/users", Administer, Account, settings::users::list;
        POST "/settings/users", Administer, Account, settings::users::invite;
        GET "/settings/users/new", Administer, Account, settings::users::new;
        GET "/settings/users/{id}", Administer, Account, settings::users::show;
        POST "/settings/users/{id}", Administer, Account, settings::users::change;
        POST "/settings/users/{id}/disable", Administer, Account, settings::users::disable;
        POST "/settings/users/{id}/enable", Administer, Account, settings::users::enable;
        GET "/settings/users/{id}/remove", Administer, Account, settings::users::ask_removal;
        POST "/settings/users/{id}/remove", Administer, Account, settings::users::remove;
        GET "/settings/tokens", Administer, Account, settings::tokens::list;
        POST "/settings/tokens", Administer, Account, settings::tokens::make;
        GET "/settings/tokens/new", Administer, Account, settings::tokens::new;
        GET "/settings/tokens/{id}", Administer, Account, settings::tokens::show;
        POST "/settings/tokens/{id}", Administer, Account, settings::tokens::change;
        GET "/settings/tokens/{id}/revoke", Administer, Account, settings::tokens::ask_revocation;
        POST "/settings/tokens/{id}/revoke", Administer, Account, settings::tokens::revoke;
        GET "/settings/accounts", Oversee, Server, settings::accounts::list;
        POST "/settings/accounts", Oversee, Server, settings::accounts::add;
        GET "/settings/accounts/new", Oversee, Server, settings::accounts::new;
        GET "/settings/accounts/{id}", Oversee, Server, settings::accounts::show;
        POST "/settings/accounts/{id}", Oversee, Server, settings::accounts::change;
        GET "/settings/accounts/{id}/remove", Oversee, Server, settings::accounts::ask_removal;
        POST "/settings/accounts/{id}/remove", Oversee, Server, settings::accounts::remove;

        // Pages: overview.
        POST "/audit", Administer, Account, overview::begin_audit;
    }
};
