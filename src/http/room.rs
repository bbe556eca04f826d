//! Room for the bodies that are being read: memory that is taken as bytes arrive, never for what a
//! client announces. Accounts and addresses have their shares of it, and whoever takes the most
//! makes room for the others.
//!
//! Bodies that wait for room keep what they have. So that they never wait for each other in a
//! circle, the one that holds the most may always go on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::life::Life;
use crate::domain::id::AccountId;

/// What each body may hold without asking.
pub(super) const FREE: usize = 16 << 10;
/// Room is taken in steps of so many bytes.
const STEP: usize = 64 << 10;
/// The room is so many times the largest body that the settings permit.
pub(super) const BODIES: usize = 4;
/// An account may take one part in so many of it, and so may an address.
pub(super) const PART: usize = 2;
/// The first wait for room; each is twice as long as the one before, up to `LONGEST`.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(320);

/// The room. A handle, cheap to clone.
#[derive(Clone, Default)]
pub(super) struct BodyRoom(Arc<Mutex<Bodies>>);

#[derive(Default)]
struct Bodies {
    next: u64,
    used: usize,
    /// `None`: whoever acts in no account.
    accounts: HashMap<Option<AccountId>, usize>,
    addresses: HashMap<IpAddr, usize>,
    /// In the order in which they began to take room.
    held: BTreeMap<u64, Held>,
}

struct Held {
    owner: RoomOwner,
    bytes: usize,
    life: Option<Arc<Life>>,
    lost: Arc<AtomicBool>,
}

/// For whom a body takes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomOwner {
    /// The account that its request acts in.
    pub account: Option<AccountId>,
    /// The client's address.
    pub address: IpAddr,
}

/// What one body holds, until this is dropped.
pub(super) struct BodyShare {
    room: BodyRoom,
    owner: RoomOwner,
    life: Option<Arc<Life>>,
    number: Option<u64>,
    bytes: usize,
    lost: Arc<AtomicBool>,
}

/// Why a body gets no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// None came in time.
    Waited,
    /// It had some, which others needed.
    Lost,
}

impl BodyRoom {
    /// For a body of which nothing came yet. Whoever takes its room wakes the connection.
    pub(super) fn share(&self, owner: RoomOwner, life: Option<Arc<Life>>) -> BodyShare {
        BodyShare {
            room: self.clone(),
            owner,
            life,
            number: None,
            bytes: 0,
            lost: Arc::default(),
        }
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyShare {
    /// Waits until there is room for a body of `bytes` bytes, for at most `patience`. Returns how
    /// long it waited. `largest`: the largest body that the settings permit.
    ///
    /// # Errors
    /// There is none, or others took what it had.
    pub(super) async fn grow(
        &mut self,
        bytes: usize,
        largest: usize,
        patience: Duration,
    ) -> Result<Duration, NoRoom> {
        if bytes <= self.bytes.max(FREE) {
            return Ok(Duration::ZERO);
        }
        if self.take(bytes, largest) {
            return Ok(Duration::ZERO);
        }
        let begun = Instant::now();
        let mut pause = SHORTEST;
        loop {
            sleep(pause).await;
            if self.is_lost() {
                return Err(NoRoom::Lost);
            }
            if self.take(bytes, largest) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() >= patience {
                return Err(NoRoom::Waited);
            }
            pause = LONGEST.min(pause * 2);
        }
    }

    /// Whether others took its room.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn take(&mut self, bytes: usize, largest: usize) -> bool {
        let bytes = bytes.next_multiple_of(STEP);
        let mut bodies = self.room.bodies();
        let more = bytes - self.bytes;
        if self.is_lost() || !bodies.have_room(self, more, largest.saturating_mul(BODIES)) {
            return false;
        }
        bodies.count(self.owner, more);
        self.bytes = bytes;
        let number = *self.number.get_or_insert(bodies.next);
        bodies.next = bodies.next.max(number + 1);
        let held = bodies.held.entry(number).or_insert_with(|| Held {
            owner: self.owner,
            bytes: 0,
            life: self.life.clone(),
            lost: Arc::clone(&self.lost),
        });
        held.bytes = bytes;
        true
    }
}

impl Bodies {
    /// Whether this body may take so much more of a room of `most` bytes. Older bodies of owners
    /// that have more lose theirs for it.
    fn have_room(&mut self, share: &BodyShare, more: usize, most: usize) -> bool {
        let owner = share.owner;
        let (account, address) = self.used_by(owner);
        let part = most / PART;
        if account + more > part && !self.is_largest(share, |it| it.account == owner.account)
            || address + more > part && !self.is_largest(share, |it| it.address == owner.address)
        {
            return false;
        }
        while self.used + more > most {
            let mine = (account + more, address + more);
            let older = self.held.iter();
            let larger = older.filter(|(_, held)| self.used_by(held.owner) > mine);
            let Some(number) = larger.map(|(number, _)| *number).next() else {
                return self.is_largest(share, |_| true);
            };
            if let Some(held) = self.remove(number) {
                held.lost.store(true, Ordering::Release);
                if let Some(life) = held.life {
                    life.wake();
                }
            }
        }
        true
    }

    /// Whether no body of these owners holds more, or as much for longer.
    fn is_largest(&self, share: &BodyShare, of: impl Fn(&RoomOwner) -> bool) -> bool {
        let own = (share.bytes, Reverse(share.number.unwrap_or(u64::MAX)));
        let mut rivals = self.held.iter().filter(|(_, held)| of(&held.owner));
        rivals.all(|(number, held)| (held.bytes, Reverse(*number)) <= own)
    }

    fn used_by(&self, owner: RoomOwner) -> (usize, usize) {
        (
            self.accounts.get(&owner.account).copied().unwrap_or(0),
            self.addresses.get(&owner.address).copied().unwrap_or(0),
        )
    }

    fn count(&mut self, owner: RoomOwner, more: usize) {
        self.used += more;
        *self.accounts.entry(owner.account).or_default() += more;
        *self.addresses.entry(owner.address).or_default() += more;
    }

    fn remove(&mut self, number: u64) -> Option<Held> {
        let held = self.held.remove(&number)?;
        self.used -= held.bytes;
        let account = self.accounts.entry(held.owner.account).or_default();
        *account -= held.bytes;
        if *account == 0 {
            self.accounts.remove(&held.owner.account);
        }
        let address = self.addresses.entry(held.owner.address).or_default();
        *address -= held.bytes;
        if *address == 0 {
            self.addresses.remove(&held.owner.address);
        }
        Some(held)
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.room.bodies().remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const LARGEST: usize = 16 * STEP;
    const MOST: usize = BODIES * LARGEST;

    fn owner(account: u8, address: u8) -> RoomOwner {
        RoomOwner {
            account: Some(AccountId::from_uuid(Uuid::from_u128(account.into()))),
            address: [192, 0, 2, address].into(),
        }
    }

    #[test]
    fn what_every_body_may_hold_takes_no_room_and_the_rest_comes_in_steps() {
        let room = BodyRoom::default();
        let mut share = room.share(owner(1, 1), None);
        assert!(share.take(FREE + 1, LARGEST));
        assert_eq!(room.bodies().used, STEP);
        assert!(share.take(STEP + 1, LARGEST));
        assert_eq!(room.bodies().used, 2 * STEP);
        drop(share);
        let bodies = room.bodies();
        assert_eq!(bodies.used, 0);
        assert!(bodies.accounts.is_empty() && bodies.addresses.is_empty());
    }

    #[test]
    fn an_account_and_an_address_have_half_and_others_the_other_half() {
        let room = BodyRoom::default();
        let mut held = Vec::new();
        for _ in 0..MOST / PART / STEP {
            let mut share = room.share(owner(1, 1), None);
            assert!(share.take(STEP, LARGEST));
            held.push(share);
        }
        for same in [owner(1, 2), owner(2, 1)] {
            assert!(!room.share(same, None).take(STEP, LARGEST));
        }
        let mut other = room.share(owner(2, 2), None);
        assert!(other.take(LARGEST, LARGEST));
        assert!(held.iter().all(|share| !share.is_lost()));
    }

    #[test]
    fn the_oldest_body_of_whoever_has_more_makes_room() {
        let room = BodyRoom::default();
        let mut held = Vec::new();
        for account in [1, 2] {
            for _ in 0..2 {
                let mut share = room.share(owner(account, account), None);
                assert!(share.take(LARGEST, LARGEST));
                held.push(share);
            }
        }
        let mut newcomer = room.share(owner(3, 3), None);
        assert!(newcomer.take(LARGEST, LARGEST));
        let lost: Vec<bool> = held.iter().map(BodyShare::is_lost).collect();
        assert_eq!(lost, [true, false, false, false]);
        assert_eq!(room.bodies().used, MOST);
        // What it lost is not given back twice, and it gets nothing more.
        assert!(!held[0].take(LARGEST + STEP, LARGEST));
        held.remove(0);
        assert_eq!(room.bodies().used, MOST);
    }

    proptest! {
        /// Whatever comes of each body, the room is bounded, and one of them can always go on.
        #[test]
        fn bodies_never_wait_for_each_other_in_a_circle_and_stay_bounded(
            bodies in prop::collection::vec((0_u8..4, 0_u8..4, 1_usize..=16), 1..40),
            turns in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
        ) {
            let room = BodyRoom::default();
            let mut open: Vec<(BodyShare, usize)> = bodies
                .into_iter()
                .map(|(account, address, steps)| {
                    (room.share(owner(account, address), None), steps * STEP)
                })
                .collect();
            for turn in turns {
                let (share, size) = turn.get(&open);
                let next = (share.bytes + STEP).min(*size);
                let place = open.iter().position(|(it, _)| std::ptr::eq(it, share));
                open[place.unwrap()].0.take(next, LARGEST);
                prop_assert!(room.bodies().used <= MOST + LARGEST);
            }
            while !open.is_empty() {
                let before = open.len();
                let sum: usize = open.iter().map(|(share, _)| share.bytes).sum();
                for (share, size) in &mut open {
                    let next = (share.bytes + STEP).min(*size);
                    share.take(next, LARGEST);
                }
                open.retain(|(share, size)| share.bytes < *size && !share.is_lost());
                let after: usize = open.iter().map(|(share, _)| share.bytes).sum();
                prop_assert!(open.len() < before || after > sum, "all of them wait");
                prop_assert!(room.bodies().used <= MOST + LARGEST);
            }
            prop_assert_eq!(room.bodies().used, 0);
        }
    }
}
