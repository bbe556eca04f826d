//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// What is open besides clients' connections: those to targets and to the database, files, pipes.
const OTHERS: u64 = 1_024;

/// Raises the process's own bound as far as it needs and the system permits; warns where that is
/// too little.
pub(super) fn permit(config: &Config) {
    let wanted = u64::try_from(config.clients.connections).unwrap_or(u64::MAX);
    let wanted = wanted.saturating_add(OTHERS);
    let bound = getrlimit(Resource::Nofile);
    let Some(raised) = raised(bound.current, bound.maximum, wanted) else {
        return;
    };
    let new = Rlimit {
        current: Some(raised),
        maximum: bound.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, new) {
        tracing::warn!(%error, "the number of open files stays as it was");
    }
    if raised < wanted {
        tracing::warn!(
            permitted = raised,
            wanted,
            "the system permits too few open files for max_connections: raise them (LimitNOFILE= \
             in the unit, or ulimit -Hn), or lower max_connections"
        );
    }
}

/// What the bound becomes; none: it suffices. A bound that is not there is none.
fn raised(current: Option<u64>, maximum: Option<u64>, wanted: u64) -> Option<u64> {
    if current? >= wanted {
        return None;
    }
    Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_raised_as_far_as_it_must_and_may_be() {
        assert_eq!(raised(Some(1_024), Some(524_288), 5_120), Some(5_120));
        assert_eq!(raised(Some(1_024), None, 5_120), Some(5_120));
        assert_eq!(raised(Some(1_024), Some(4_096), 5_120), Some(4_096));
        assert_eq!(raised(Some(8_192), Some(8_192), 5_120), None);
        assert_eq!(raised(None, None, 5_120), None);
    }
}
