//! Outgoing mail: the only place that knows lettre. `compose` writes a mail down, `sender` hands
//! it to the mail server or to a folder.
//!
//! Nothing here decides whether a mail is tried again; it only reports what the server said of
//! each receiver.

mod compose;
mod folder;
mod pool;
mod probe;
mod replies;
mod sender;
mod session;
mod settings;
mod way;

pub use compose::{ComposeError, Composed, Letter, compose};
pub use probe::try_server;
pub use sender::{MailEnvelope, MailSender, ReceiverResult, SendReport, Verdict};
pub use settings::{MailSettings, SettingsError};
