//! Which subscriptions (or accounts) get metrics of their own: the busiest ones, so many and no
//! more, however many there are. What the others do is counted together.
//!
//! Each thing that happens is counted at one place alone, and no count ever goes back: what had
//! counts of its own and loses its place takes them with it, and begins at 0 if it comes back. So
//! rates and sums over all places stay right.

use std::collections::HashMap;
use std::hash::Hash;

use super::counts::OutcomeCounts;

/// How long a period is, in minutes: what happened counts half as much after each.
const PERIOD: i64 = 10;
/// A newcomer must have done so many times as much as the one whose place it takes: two that are
/// equally busy do not take turns.
const LEAD: u64 = 2;

#[derive(Debug, Default)]
struct NamedCounts {
    counts: OutcomeCounts,
    score: u64,
}

/// The keys that have metrics of their own, and all others together.
#[derive(Debug)]
pub(super) struct Busiest<K> {
    most: usize,
    named: HashMap<K, NamedCounts>,
    /// The scores of those without a place.
    outside: HashMap<K, u64>,
    others: OutcomeCounts,
    period: i64,
}

impl<K: Copy + Eq + Hash + Ord> Busiest<K> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            named: HashMap::new(),
            outside: HashMap::new(),
            others: OutcomeCounts::default(),
            period: 0,
        }
    }

    /// Counts what happened in a minute since 1970.
    pub(super) fn add(&mut self, key: K, counts: &OutcomeCounts, minute: i64) {
        self.pass(minute.div_euclid(PERIOD));
        let weight = counts.all();
        if self.named.len() < self.most || self.named.contains_key(&key) {
            let named = self.named.entry(key).or_default();
            named.counts.add(counts);
            named.score = named.score.saturating_add(weight);
        } else {
            self.others.add(counts);
            if self.most > 0 {
                let score = self.outside.entry(key).or_default();
                *score = score.saturating_add(weight);
            }
        }
    }

    /// The counts of each that has a place, in the order of their keys, and those of all others.
    pub(super) fn read(&self) -> (Vec<(K, OutcomeCounts)>, OutcomeCounts) {
        let named = self.named.iter().map(|(key, named)| (*key, named.counts));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable_by_key(|(key, _)| *key);
        (named, self.others)
    }

    fn pass(&mut self, period: i64) {
        let passed = period.saturating_sub(self.period);
        if passed <= 0 {
            // What is recorded late counts as if it were now.
            return;
        }
        if self.period > 0 {
            self.exchange();
        }
        self.period = period;
        let halves = u32::try_from(passed).unwrap_or(u32::MAX);
        let halve = |score: &mut u64| *score = score.checked_shr(halves).unwrap_or(0);
        self.named.values_mut().for_each(|it| halve(&mut it.score));
        self.outside.values_mut().for_each(halve);
        self.outside.retain(|_, score| *score > 0);
    }

    /// Gives places to those who were busier than those who have one.
    fn exchange(&mut self) {
        let mut inside: Vec<(u64, K)> = (self.named.iter())
            .map(|(key, named)| (named.score, *key))
            .collect();
        inside.sort_unstable();
        let mut outside: Vec<(u64, K)> = (self.outside.iter())
            .map(|(key, score)| (*score, *key))
            .collect();
        outside.sort_unstable_by(|a, b| b.cmp(a));
        for ((had, loser), (score, winner)) in inside.into_iter().zip(outside) {
            if score <= had.saturating_mul(LEAD) {
                break;
            }
            self.named.remove(&loser);
            self.outside.remove(&winner);
            self.outside.insert(loser, had);
            let counts = OutcomeCounts::default();
            self.named.insert(winner, NamedCounts { counts, score });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(sent: u64) -> OutcomeCounts {
        OutcomeCounts {
            sent,
            ..OutcomeCounts::default()
        }
    }

    #[test]
    fn who_comes_while_there_is_room_has_a_place_and_the_rest_counts_together() {
        let mut busiest = Busiest::new(2);
        for (key, number) in [(3, 1), (1, 2), (2, 40), (3, 5)] {
            busiest.add(key, &sent(number), 10);
        }
        let (named, others) = busiest.read();
        assert_eq!(named, [(1, sent(2)), (3, sent(6))]);
        assert_eq!(others, sent(40));
    }

    #[test]
    fn a_busier_one_takes_a_place_at_the_end_of_a_period_and_begins_at_0() {
        let mut busiest = Busiest::new(2);
        for (key, number) in [(1, 10), (2, 10), (3, 21), (4, 11)] {
            busiest.add(key, &sent(number), 10);
        }
        busiest.add(3, &sent(1), 20);
        let (named, others) = busiest.read();
        assert_eq!(
            named,
            [(2, sent(10)), (3, sent(1))],
            "4 leads by too little"
        );
        assert_eq!(others, sent(32));
        // One that was away for long comes behind all that are at work.
        busiest.add(4, &sent(3), 1_000);
        busiest.add(4, &sent(3), 1_010);
        let (named, _) = busiest.read();
        assert!(named.contains(&(4, sent(3))), "{named:?}");
    }

    #[test]
    fn without_places_all_count_together() {
        let mut busiest = Busiest::new(0);
        busiest.add(1, &sent(1), 10);
        busiest.add(2, &sent(1), 20);
        assert_eq!(busiest.read(), (Vec::new(), sent(2)));
        assert!(busiest.outside.is_empty());
    }

    proptest! {
        #[test]
        fn no_count_goes_back_while_it_has_a_place_and_each_is_counted_once(
            steps in prop::collection::vec((0_u8..8, 1_u64..50, 0_i64..15), 1..200)
        ) {
            let mut busiest = Busiest::new(3);
            let (mut minute, mut counted, mut all) = (10, 0, 0);
            for (key, number, later) in steps {
                minute += later;
                let (before, others) = busiest.read();
                busiest.add(key, &sent(number), minute);
                all += number;
                let (after, now) = busiest.read();
                prop_assert!(after.len() <= 3);
                prop_assert!(now.sent >= others.sent);
                counted += now.sent - others.sent;
                for (key, counts) in &after {
                    let had = before.iter().find(|(it, _)| it == key);
                    let had = had.map_or(0, |(_, counts)| counts.sent);
                    // It may have lost its place and got it back, and then begins at 0.
                    counted += if counts.sent >= had { counts.sent - had } else { counts.sent };
                }
            }
            prop_assert_eq!(counted, all);
        }
    }
}
