//! Hashing passwords away from the threads that serve: so many at once and no more, since each
//! takes 19 MiB, which is kept from one to the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{ProblemDetails, ProblemKind};
use crate::domain::password::{self, HashMemory, NOBODYS};
use crate::store::StoreError;
use crate::store::fresh::fresh_bytes;

/// Hashes at once.
const AT_ONCE: usize = 2;
/// How long anybody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns at hashing.
#[derive(Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    rooms: Arc<Mutex<Vec<HashMemory>>>,
}

/// The right to hash once.
pub(super) struct HashingTurn {
    rooms: Arc<Mutex<Vec<HashMemory>>>,
    permit: OwnedSemaphorePermit,
}

impl Passwords {
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            rooms: Arc::default(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// None came within 5 s.
    pub(super) async fn turn(&self) -> Result<HashingTurn, ProblemDetails> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(PATIENCE, turn).await else {
            let detail = "Too many people sign in at once. Try again shortly.";
            return Err(ProblemDetails::new(ProblemKind::Unavailable, detail));
        };
        let rooms = Arc::clone(&self.rooms);
        Ok(HashingTurn { rooms, permit })
    }

    /// Whether this is the password of a hash. Without one it takes as long, and is not.
    ///
    /// # Errors
    /// When the hashing stopped.
    pub(super) async fn verify(
        &self,
        turn: HashingTurn,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, ProblemDetails> {
        blocking(turn, move |room| {
            let fits = password::verify(&password, hash.as_deref().unwrap_or(NOBODYS), room);
            Ok(fits && hash.is_some())
        })
        .await
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) async fn hash(
        &self,
        turn: HashingTurn,
        password: String,
    ) -> Result<String, ProblemDetails> {
        blocking(turn, move |room| make(&password, room)).await
    }
}

fn make(password: &str, room: &mut HashMemory) -> Result<String, StoreError> {
    let refused = || StoreError::Unfit("a password could not be hashed".to_owned());
    password::hash(password, fresh_bytes()?, room).ok_or_else(refused)
}

/// The turn ends with the work, also when nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    turn: HashingTurn,
    work: impl FnOnce(&mut HashMemory) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ProblemDetails> {
    let done = tokio::task::spawn_blocking(move || {
        let rooms = || turn.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = rooms().pop();
        let mut room = kept.unwrap_or_default();
        let done = work(&mut room);
        rooms().push(room);
        drop(turn.permit);
        done
    });
    let stopped = |error| StoreError::Unfit(format!("hashing a password stopped: {error}"));
    Ok(done.await.map_err(stopped)??)
}
