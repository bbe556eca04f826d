//! Trying the way to the mail server without sending a mail.

use std::time::Duration;

use super::session::SmtpSession;
use super::settings::MailSettings;

/// How long connecting, encrypting and signing in may take.
const BOUND: Duration = Duration::from_secs(15);

/// Connects to the mail server, encrypts and signs in as for a mail, and says goodbye. Without a
/// server there is nothing to try.
///
/// # Errors
/// What kept it from coming so far.
pub async fn try_server(settings: &MailSettings) -> Result<(), String> {
    let Some(server) = &settings.server else {
        return Ok(());
    };
    let tried = tokio::time::timeout(BOUND, async {
        let session = SmtpSession::open(server)
            .await
            .map_err(|broken| broken.error)?;
        session.close().await;
        Ok(())
    });
    tried.await.map_err(|_elapsed| {
        format!(
            "the mail server did not answer within {} s",
            BOUND.as_secs()
        )
    })?
}
