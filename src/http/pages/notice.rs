//! What a page says after something was done: the address carries a key, and only the sentences
//! of this table are ever shown.

use actix_web::HttpRequest;

use crate::http::query::Query;

/// The sentence that the address of a request asks for.
pub(super) fn done(request: &HttpRequest) -> Option<&'static str> {
    let mut query = Query::parse(request.query_string());
    query.text("done").and_then(|key| of(&key))
}

/// The sentence of a key.
fn of(key: &str) -> Option<&'static str> {
    Some(match key {
        "saved" => "Saved.",
        "typed" => {
            "This is what you typed before; nothing was saved yet. Enter passwords and header \
             values again, then send the form."
        }
        "audit-begun" => {
            "The delivery check runs in the background. Load this page again to see its result."
        }
        "audit-runs" => {
            "A delivery check is already running. Load this page again to see its result."
        }
        // Webhooks.
        "webhook-made" => "The webhook was added; it gets events from now on.",
        "webhook-saved" => "The webhook was changed.",
        "webhook-paused" => "The webhook is paused; its deliveries are held.",
        "webhook-resumed" => "The webhook was resumed.",
        "webhook-enabled" => "The webhook is enabled; it gets what it held first.",
        "webhook-disabled" => "The webhook is disabled; it gets no new events.",
        "webhook-deleted" => "The webhook was deleted; its log stays.",
        "secret-rotated" => "The secret was replaced.",
        // Settings.
        "user-invited" => "The user was invited; a mail is on its way.",
        "user-saved" => "The user was changed.",
        "user-disabled" => "The user is disabled: their sessions have ended.",
        "user-enabled" => "The user can sign in again.",
        "user-removed" => "The user was removed.",
        "token-saved" => "The token was changed.",
        "token-revoked" => "The token was revoked; every daemon refuses it within a second.",
        "account-added" => "The account was added; a mail to its first admin is on its way.",
        "account-renamed" => "The account was renamed.",
        "mail-senders-saved" => "The senders were saved.",
        "account-removed" => "The account was removed.",
        "profile-saved" => "Your name was saved.",
        "password-changed" => "Your password was changed; you are signed out everywhere else.",
        "sessions-ended" => "You are signed out everywhere else.",
        "password-set" => "Your password is set. Sign in with it.",
        "reset-asked" => "If there is a user with this e-mail, a mail with a link is on its way.",
        // Deliveries and events.
        "resent" => "The delivery will be resent. Load this page again to see its result.",
        "resent-held" => "The delivery will be resent once its webhook is resumed.",
        "published" => "The event was published. Below are the webhooks that get it.",
        "type-added" => "The event type was added. It can be published from now on.",
        "type-deleted" => "The event type was deleted. It can no longer be published.",
        _ => return None,
    })
}
