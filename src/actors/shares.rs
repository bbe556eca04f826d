//! How many things somebody has under way at one time, so that nobody has all of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by key, each up to the same bound. Cheap to clone.
#[derive(Debug)]
pub struct Shares<K> {
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self {
            most: self.most,
            taken: Arc::clone(&self.taken),
        }
    }
}

impl<K: Copy + Eq + Hash> Shares<K> {
    /// With so many for each key.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// Takes one until the share is dropped; `None`: all of the key's are taken.
    #[must_use]
    pub fn take(&self, key: K) -> Option<Share<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Share {
            shares: self.clone(),
            key,
        })
    }
}

/// One that is taken.
#[derive(Debug)]
pub struct Share<K: Copy + Eq + Hash> {
    shares: Shares<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = (self.shares.taken.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_so_many_and_gives_them_back() {
        let shares = Shares::new(2);
        let (first, second) = (shares.take('a'), shares.take('a'));
        assert!(first.is_some() && second.is_some() && shares.take('a').is_none());
        assert!(shares.take('b').is_some());
        drop(first);
        assert!(shares.take('a').is_some());
        drop(second);
        assert!(
            shares.taken.lock().unwrap().is_empty(),
            "nothing is kept of nobody"
        );
    }
}
