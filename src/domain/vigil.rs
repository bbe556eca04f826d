//! When a daemon counts as stuck: the rule by which a service manager's watchdog is fed.
//!
//! Each part that must make progress beats whenever its loop turns, also when it turns in vain
//! because the database is away: a new start would not help there. One that has not beaten for
//! longer than half of the watchdog's time is stuck.

use std::time::Duration;

/// A part of the daemon, and how long ago it last beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse<'a> {
    /// Its name, for the log.
    pub part: &'a str,
    /// Since its last beat.
    pub silent: Duration,
}

/// What a look at all parts came to. Only who is `Alive` feeds the watchdog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Every part beats.
    Alive,
    /// A part is silent that was not at the last look: so it is for all of them after the process
    /// or the machine slept.
    Doubtful,
    /// These parts, and no others, were silent for two looks.
    Stuck(Vec<String>),
}

/// Judges one look after the other.
#[derive(Debug, Clone)]
pub struct Vigil {
    watchdog: Duration,
    silent_before: Vec<String>,
}

impl Vigil {
    /// For a watchdog that acts when it was not fed for so long.
    #[must_use]
    pub const fn new(watchdog: Duration) -> Self {
        Self {
            watchdog,
            silent_before: Vec::new(),
        }
    }

    /// Between two looks: a healthy daemon feeds the watchdog several times in its time.
    #[must_use]
    pub fn look_every(&self) -> Duration {
        self.watchdog / 6
    }

    /// The longest silence of a part that lives.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.watchdog / 2
    }

    /// One look.
    pub fn judge<'a>(&mut self, pulses: impl Iterator<Item = Pulse<'a>>) -> Judgement {
        let patience = self.patience();
        let silent: Vec<String> = pulses
            .filter(|pulse| pulse.silent > patience)
            .map(|pulse| pulse.part.to_owned())
            .collect();
        let before = std::mem::replace(&mut self.silent_before, silent.clone());
        if silent.is_empty() {
            return Judgement::Alive;
        }
        let stuck: Vec<String> = silent
            .into_iter()
            .filter(|it| before.contains(it))
            .collect();
        if stuck.is_empty() {
            Judgement::Doubtful
        } else {
            Judgement::Stuck(stuck)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(vigil: &mut Vigil, silent: &[(&'static str, u64)]) -> Judgement {
        vigil.judge(silent.iter().map(|(part, seconds)| Pulse {
            part,
            silent: Duration::from_secs(*seconds),
        }))
    }

    fn vigil() -> Vigil {
        Vigil::new(Duration::from_secs(30))
    }

    #[test]
    fn who_beats_within_half_of_the_time_lives() {
        let mut vigil = vigil();
        assert_eq!(vigil.patience(), Duration::from_secs(15));
        for _ in 0..3 {
            let judged = look(&mut vigil, &[("dispatcher", 0), ("recorder", 15)]);
            assert_eq!(judged, Judgement::Alive);
        }
    }

    #[test]
    fn one_stuck_part_is_enough_and_is_named() {
        let mut vigil = vigil();
        let first = look(&mut vigil, &[("dispatcher", 16), ("recorder", 0)]);
        assert_eq!(first, Judgement::Doubtful);
        let stuck = Judgement::Stuck(vec!["dispatcher".to_owned()]);
        assert_eq!(
            look(&mut vigil, &[("dispatcher", 21), ("recorder", 1)]),
            stuck
        );
        assert_eq!(
            look(&mut vigil, &[("dispatcher", 26), ("recorder", 16)]),
            stuck
        );
        assert_eq!(
            look(&mut vigil, &[("dispatcher", 1), ("recorder", 0)]),
            Judgement::Alive
        );
    }

    #[test]
    fn a_sleep_of_the_whole_machine_is_no_death() {
        let mut vigil = vigil();
        let asleep = [("dispatcher", 3_600), ("recorder", 3_600)];
        assert_eq!(look(&mut vigil, &asleep), Judgement::Doubtful);
        assert_eq!(
            look(&mut vigil, &[("dispatcher", 0), ("recorder", 1)]),
            Judgement::Alive
        );
    }

    #[test]
    fn several_looks_fit_into_the_time() {
        let vigil = vigil();
        assert!(vigil.look_every() * 4 < vigil.watchdog);
    }
}
