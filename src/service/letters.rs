//! The mails that bring single-use links.

use crate::domain::user_link::LinkPurpose;
use crate::store::outgoing::OutgoingMail;
use crate::store::user::User;

/// Writes the mail with a link under this base address.
pub fn with_link(base: String) -> impl Fn(&User, LinkPurpose, &str) -> OutgoingMail + Send + Sync {
    move |user, purpose, token| {
        let (topic, subject, why, rest) = match purpose {
            LinkPurpose::Invitation => (
                "Invitation",
                "You are invited to Herald",
                "You can sign in to Herald once you have set a password:",
                "",
            ),
            LinkPurpose::Reset => (
                "Password Reset",
                "Set another password for Herald",
                "Somebody asked for another password for you. If it was you, set it here:",
                " If it was not you, nothing needs to be done.",
            ),
        };
        let greeting = match user.name.as_str() {
            "" => "Hello,".to_owned(),
            name => format!("Hello {name},"),
        };
        let address = purpose.address(&base, token);
        let held = purpose.lifetime_as_text();
        OutgoingMail {
            topic,
            to: user.email.clone(),
            to_name: user.name.clone(),
            subject: subject.to_owned(),
            text: format!(
                "{greeting}\n\n{why}\n\n{address}\n\nThe link works once, within {held}.{rest}\n"
            ),
            confidential: true,
        }
    }
}
