//! When a daemon counts as stuck: the rule by which a service manager's watchdog is fed.
//!
//! Each part that must make progress beats whenever its loop turns, also when it turns in vain
//! because the database is away: a new start would not help there. One that has not beaten for
//! longer than half of the watchdog's time is stuck.

use std::time::Duration;

/// A part of the daemon, and how long it has been silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its name, for the log.
    pub part: String,
    /// Since its last heartbeat.
    pub silent: Duration,
}

/// What a look at all parts came to. Only `Alive` notifies the service manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Every part beats.
    Alive,
    /// A part is silent that was not at the last look, as all of them are after the process or
    /// the machine slept.
    Doubtful,
    /// These parts, and no others, were silent for two looks.
    Stuck(Vec<String>),
}

/// Judges one look after the other.
#[derive(Debug, Clone)]
pub struct Watchdog {
    bound: Duration,
    silent_before: Vec<String>,
}

impl Watchdog {
    /// For a service manager that acts when it was not notified for so long.
    #[must_use]
    pub const fn new(bound: Duration) -> Self {
        Self {
            bound,
            silent_before: Vec::new(),
        }
    }

    /// Between two looks: a healthy daemon feeds the watchdog several times in its time.
    #[must_use]
    pub fn look_every(&self) -> Duration {
        self.bound / 6
    }

    /// The longest silence of a part that lives.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.bound / 2
    }

    /// One look.
    pub fn judge(&mut self, parts: Vec<Silence>) -> Judgement {
        let patience = self.patience();
        let silent: Vec<String> = parts
            .into_iter()
            .filter(|it| it.silent > patience)
            .map(|it| it.part)
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

    fn look(watchdog: &mut Watchdog, silent: &[(&str, u64)]) -> Judgement {
        let silence = |(part, seconds): &(&str, u64)| Silence {
            part: (*part).to_owned(),
            silent: Duration::from_secs(*seconds),
        };
        watchdog.judge(silent.iter().map(silence).collect())
    }

    fn watchdog() -> Watchdog {
        Watchdog::new(Duration::from_secs(30))
    }

    #[test]
    fn who_beats_within_half_of_the_time_lives() {
        let mut watchdog = watchdog();
        assert_eq!(watchdog.patience(), Duration::from_secs(15));
        for _ in 0..3 {
            let judged = look(&mut watchdog, &[("dispatcher", 0), ("recorder", 15)]);
            assert_eq!(judged, Judgement::Alive);
        }
    }

    #[test]
    fn one_stuck_part_is_enough_and_is_named() {
        let mut watchdog = watchdog();
        let first = look(&mut watchdog, &[("dispatcher", 16), ("recorder", 0)]);
        assert_eq!(first, Judgement::Doubtful);
        let stuck = Judgement::Stuck(vec!["dispatcher".to_owned()]);
        assert_eq!(
            look(&mut watchdog, &[("dispatcher", 21), ("recorder", 1)]),
            stuck
        );
        assert_eq!(
            look(&mut watchdog, &[("dispatcher", 26), ("recorder", 16)]),
            stuck
        );
        assert_eq!(
            look(&mut watchdog, &[("dispatcher", 1), ("recorder", 0)]),
            Judgement::Alive
        );
    }

    #[test]
    fn a_sleep_of_the_whole_machine_is_no_death() {
        let mut watchdog = watchdog();
        let asleep = [("dispatcher", 3_600), ("recorder", 3_600)];
        assert_eq!(look(&mut watchdog, &asleep), Judgement::Doubtful);
        assert_eq!(
            look(&mut watchdog, &[("dispatcher", 0), ("recorder", 1)]),
            Judgement::Alive
        );
    }

    #[test]
    fn several_looks_fit_into_the_time() {
        let watchdog = watchdog();
        assert!(watchdog.look_every() * 4 < watchdog.bound);
    }
}
