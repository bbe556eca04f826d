//! A queue in which everybody has a line of their own and the lines take turns, so that whoever
//! keeps one full delays nobody else by more than one item. It knows nothing of what waits.

use std::collections::VecDeque;

/// Items of one line come out in the order in which they came.
pub(crate) struct FairQueue<K, T> {
    /// None is empty; the first one's turn is next.
    lines: VecDeque<(K, VecDeque<T>)>,
    waiting: usize,
    most_each: usize,
    most: usize,
}

impl<K: PartialEq, T> FairQueue<K, T> {
    /// One that holds `most_each` items of each line, and `most` of all.
    pub(crate) fn new(most_each: usize, most: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            waiting: 0,
            most_each,
            most,
        }
    }

    /// Puts an item at the end of its line. Where there is no room, items that are not wanted
    /// any more leave.
    ///
    /// # Errors
    /// The item: its line is full, or the queue is.
    pub(crate) fn push(
        &mut self,
        key: K,
        item: T,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<(), T> {
        if !self.has_room(&key) {
            self.retain(is_wanted);
            if !self.has_room(&key) {
                return Err(item);
            }
        }
        self.waiting += 1;
        match self.lines.iter_mut().find(|(other, _)| *other == key) {
            Some((_, line)) => line.push_back(item),
            None => self.lines.push_back((key, VecDeque::from([item]))),
        }
        Ok(())
    }

    /// Drops what is not wanted any more.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&T) -> bool) {
        for (_, line) in &mut self.lines {
            line.retain(&is_wanted);
        }
        self.lines.retain(|(_, line)| !line.is_empty());
        self.waiting = self.lines.iter().map(|(_, line)| line.len()).sum();
    }

    /// Items that wait.
    pub(crate) const fn len(&self) -> usize {
        self.waiting
    }

    fn has_room(&self, key: &K) -> bool {
        let line = self.lines.iter().find(|(other, _)| other == key);
        self.waiting < self.most && line.is_none_or(|(_, line)| line.len() < self.most_each)
    }

    /// Takes the first item of the line whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (key, mut line) = self.lines.pop_front()?;
        let item = line.pop_front()?;
        self.waiting -= 1;
        if !line.is_empty() {
            self.lines.push_back((key, line));
        }
        Some(item)
    }

    /// Puts back what was taken and is not done: it stays the first of its line, and the other
    /// lines come first.
    pub(crate) fn put_back(&mut self, key: K, item: T) {
        self.waiting += 1;
        match self.lines.iter_mut().find(|(other, _)| *other == key) {
            Some((_, line)) => line.push_front(item),
            None => self.lines.push_back((key, VecDeque::from([item]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: &[(char, u32)]) -> FairQueue<char, u32> {
        let mut queue = FairQueue::new(3, 5);
        for (key, item) in items {
            queue.push(*key, *item, |_| true).unwrap();
        }
        queue
    }

    fn drained(mut queue: FairQueue<char, u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn lines_take_turns_and_keep_their_order() {
        let queue = queue(&[('a', 1), ('a', 2), ('a', 3), ('b', 4), ('c', 5)]);
        assert_eq!(drained(queue), [1, 4, 5, 2, 3]);
    }

    #[test]
    fn a_line_that_never_ends_delays_another_by_one_item() {
        let mut queue = queue(&[('a', 1), ('a', 2)]);
        assert_eq!(queue.pop(), Some(1));
        queue.push('b', 10, |_| true).unwrap();
        queue.push('a', 3, |_| true).unwrap();
        assert_eq!(drained(queue), [2, 10, 3]);
    }

    #[test]
    fn a_full_line_refuses_and_leaves_room_for_others() {
        let mut queue = queue(&[('a', 1), ('a', 2), ('a', 3)]);
        assert_eq!(queue.push('a', 4, |_| true), Err(4));
        assert_eq!(queue.push('b', 5, |_| true), Ok(()));
        assert_eq!(queue.push('b', 6, |_| true), Ok(()));
        assert_eq!(queue.push('c', 7, |_| true), Err(7));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.push('c', 7, |_| true), Ok(()));
        assert_eq!(drained(queue), [5, 2, 7, 6, 3]);
    }

    #[test]
    fn what_is_put_back_waits_for_the_other_lines_and_stays_the_first_of_its_own() {
        let mut queue = queue(&[('a', 1), ('a', 2), ('b', 3)]);
        assert_eq!(queue.pop(), Some(1));
        queue.put_back('a', 1);
        assert_eq!(drained(queue), [3, 1, 2]);
        let mut queue = super::tests::queue(&[('a', 1)]);
        assert_eq!(queue.pop(), Some(1));
        queue.put_back('a', 1);
        assert_eq!(drained(queue), [1]);
    }

    #[test]
    fn what_nobody_wants_any_more_makes_room() {
        let mut full = queue(&[('a', 1), ('a', 2), ('a', 3), ('b', 4), ('b', 5)]);
        assert_eq!(full.push('c', 6, |item| item % 2 == 0), Ok(()));
        assert_eq!(full.push('a', 7, |_| true), Ok(()));
        assert_eq!(drained(full), [2, 4, 6, 7]);
    }
}
