//! What the service manager passes in the environment, besides the settings: where standard error
//! goes, and which sockets are handed over. The protocol is systemd's: systemd.exec(5),
//! `$JOURNAL_STREAM`; sd_listen_fds(3).

use std::ffi::OsString;

/// The variables that are read here; none of them is a setting.
pub(super) const VARIABLES: [&str; 2] = [JOURNAL, NAMES];
const JOURNAL: &str = "JOURNAL_STREAM";
const NAMES: &str = "LISTEN_FDNAMES";

/// What a service manager passes to a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceManager {
    /// Device and inode of the stream that leads to the journal. Standard error is that stream
    /// only if it has these numbers: a parent may have redirected it.
    pub journal: Option<(u64, u64)>,
    /// The names of the sockets that are handed over, in their order; empty: they have none.
    pub socket_names: Vec<String>,
}

impl ServiceManager {
    /// Reads `variables`; what cannot be read counts as not set.
    pub(super) fn from_variables(variables: &[(String, OsString)]) -> Self {
        let text = |name: &str| {
            let found = variables.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.to_str())
        };
        let names = text(NAMES).unwrap_or_default();
        Self {
            journal: text(JOURNAL).and_then(journal),
            socket_names: match names {
                "" => Vec::new(),
                names => names.split(':').map(ToOwned::to_owned).collect(),
            },
        }
    }
}

fn journal(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pairs: &[(&str, &str)]) -> ServiceManager {
        let pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        ServiceManager::from_variables(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn the_journal_is_told_by_device_and_inode() {
        assert_eq!(
            passed(&[("JOURNAL_STREAM", "8:31337")]).journal,
            Some((8, 31_337))
        );
        for bad in ["", "8", "8:", "a:b", "8:31337:1"] {
            assert_eq!(passed(&[("JOURNAL_STREAM", bad)]).journal, None, "{bad}");
        }
    }

    #[test]
    fn sockets_have_the_names_that_are_told_or_none() {
        let names = |text: &str| passed(&[("LISTEN_FDNAMES", text)]).socket_names;
        assert_eq!(names("http:pages"), ["http", "pages"]);
        assert_eq!(names("http:"), ["http", ""]);
        assert_eq!(names(""), Vec::<String>::new());
        assert_eq!(passed(&[]), ServiceManager::default());
    }
}
