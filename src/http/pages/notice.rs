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
            "An audit runs in the background. Load this page again to see what it found."
        }
        "audit-runs" => "An audit runs already. Load this page again to see what it found.",
        // Webhooks.
        "webhook-made" => "The webhook was added; it gets events from now on.",
        "webhook-saved" => "The webhook was changed.",
        "webhook-paused" => "The webhook is paused: what it would get is held.",
        "webhook-resumed" => "The webhook was resumed.",
        "webhook-enabled" => "The webhook is enabled; it gets first what it held.",
        "webhook-disabled" => "The webhook is disabled: it gets nothing new.",
        "webhook-deleted" => "The webhook was deleted; its log stays.",
        "secret-rotated" => "The secret was replaced.",
        // Settings.
        "user-invited" => "The user was invited; a mail is on its way.",
        "user-saved" => "The user was changed.",
        "user-disabled" => "The user is disabled: their sessions have ended.",
        "user-enabled" => "The user may sign in again.",
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
        "password-set" => "Your password is set: sign in with it.",
        "reset-asked" => "If there is a user with this e-mail, a mail with a link is on its way.",
        // Deliveries and events.
        "resent" => "It is due again. Load the page again to see what came of it.",
        "resent-held" => "It is due again once its webhook is resumed.",
        "published" => "It was published. Below is who gets it.",
        "type-added" => "Added. It can be published from now on.",
        "type-deleted" => "Deleted. It cannot be published any more.",
        _ => return None,
    })
}
