//! The connections to the mail server that wait for the next mail.

use std::sync::{Mutex, PoisonError};

use super::session::SmtpSession;

/// Idle connections, the last used first.
pub(super) struct Pool {
    idle: Mutex<Vec<SmtpSession>>,
    most: usize,
}

impl Pool {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            most,
        }
    }

    /// One that was used lately; the others are dropped.
    pub(super) fn take(&self) -> Option<SmtpSession> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(SmtpSession::is_fresh);
        idle.pop()
    }

    /// Keeps one for the next mail.
    pub(super) fn give(&self, session: SmtpSession) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_fresh() && idle.len() < self.most {
            idle.push(session);
        }
    }

    /// Says goodbye to all of them.
    pub(super) async fn close(&self) {
        let all = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for session in all {
            session.close().await;
        }
    }
}
