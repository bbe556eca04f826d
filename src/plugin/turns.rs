//! Whose turn is next in the isolated runner: accounts take turns, and an account's sets of scripts
//! share the account's turns. It knows nothing of what waits.

use std::collections::VecDeque;

use crate::domain::fair_queue::FairQueue;

/// Items of the same scripts that wait for one account; more are refused.
pub(super) const MOST_OF_A_SET: usize = 16;
/// Items that wait for one account.
pub(super) const MOST_OF_AN_ACCOUNT: usize = 4 * MOST_OF_A_SET;
/// Items that wait in all.
const MOST: usize = 64 * MOST_OF_AN_ACCOUNT;

/// Items of one account and set come out in the order in which they came.
pub(super) struct Turns<A, S, T> {
    /// None is empty; the first one's turn is next.
    accounts: VecDeque<(A, FairQueue<S, T>)>,
}

impl<A: PartialEq, S: PartialEq, T> Turns<A, S, T> {
    pub(super) const fn new() -> Self {
        Self {
            accounts: VecDeque::new(),
        }
    }

    /// Puts an item behind those of its account and set. Where there is no room, items that are
    /// not wanted any more leave.
    ///
    /// # Errors
    /// The item: its set, its account or all have too many.
    pub(super) fn push(
        &mut self,
        account: A,
        set: S,
        item: T,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<(), T> {
        if self.waiting() >= MOST {
            for (_, queue) in &mut self.accounts {
                queue.retain(&is_wanted);
            }
            self.accounts.retain(|(_, queue)| queue.len() > 0);
            if self.waiting() >= MOST {
                return Err(item);
            }
        }
        let known = self
            .accounts
            .iter_mut()
            .find(|(other, _)| *other == account);
        if let Some((_, queue)) = known {
            return queue.push(set, item, is_wanted);
        }
        let mut queue = FairQueue::new(MOST_OF_A_SET, MOST_OF_AN_ACCOUNT);
        queue.push(set, item, is_wanted)?;
        self.accounts.push_back((account, queue));
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.accounts.iter().map(|(_, queue)| queue.len()).sum()
    }

    /// Takes the next item of the account whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        loop {
            let (account, mut queue) = self.accounts.pop_front()?;
            // All that it had may have left, wanted by nobody.
            let Some(item) = queue.pop() else { continue };
            if queue.len() > 0 {
                self.accounts.push_back((account, queue));
            }
            return Some(item);
        }
    }

    /// Drops all that waits.
    pub(super) fn clear(&mut self) {
        self.accounts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut turns: Turns<char, u32, u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.pop()).collect()
    }

    #[test]
    fn an_account_with_many_scripts_has_no_more_turns_than_one_with_one() {
        let mut turns = Turns::new();
        for (n, set) in [(1, 10), (2, 20), (3, 30), (4, 10), (5, 20)] {
            turns.push('a', set, n, |_| true).unwrap();
        }
        for n in [6, 7] {
            turns.push('b', 10, n, |_| true).unwrap();
        }
        turns.push('c', 10, 8, |_| true).unwrap();
        assert_eq!(drained(turns), [1, 6, 8, 2, 7, 3, 4, 5]);
    }

    #[test]
    fn an_account_that_has_all_its_room_leaves_others_theirs() {
        let mut turns = Turns::new();
        let all = MOST_OF_AN_ACCOUNT as u32;
        for n in 0..all {
            turns
                .push('a', n / MOST_OF_A_SET as u32, n, |_| true)
                .unwrap();
        }
        assert_eq!(turns.push('a', 99, 99, |_| true), Err(99));
        assert_eq!(turns.push('b', 0, all, |_| true), Ok(()));
        assert_eq!(turns.pop(), Some(0));
        assert_eq!(turns.pop(), Some(all));
        // What nobody wants any more makes room.
        assert_eq!(turns.push('a', 0, all + 1, |_| true), Ok(()));
        assert_eq!(turns.push('a', 0, all + 2, |_| true), Err(all + 2));
        assert_eq!(turns.push('a', 0, all + 2, |n| *n > 32), Ok(()));
        turns.clear();
        assert_eq!(turns.pop(), None);
    }

    #[test]
    fn more_than_all_may_have_are_refused_until_some_are_not_wanted() {
        let mut turns = Turns::new();
        let each = MOST_OF_AN_ACCOUNT as u32;
        for account in 0..64 {
            for n in 0..each {
                turns.push(account, n / 16, (account, n), |_| true).unwrap();
            }
        }
        assert_eq!(turns.push(64, 0, (64, 0), |_| true), Err((64, 0)));
        assert_eq!(turns.push(64, 0, (64, 0), |(from, _)| *from != 7), Ok(()));
        let out: Vec<(u32, u32)> = std::iter::from_fn(|| turns.pop()).collect();
        assert_eq!(out.len(), MOST - MOST_OF_AN_ACCOUNT + 1);
        assert!(out.iter().all(|(from, _)| *from != 7));
        assert_eq!(out[63], (64, 0));
    }
}
