//! Room on the disk of the data folder, where the private PostgreSQL and mails without a mail
//! server are as well.

use std::path::Path;

use rustix::fs::statvfs;

use super::finding::DoctorFinding;
use crate::config::Config;

const GIB: u64 = 1 << 30;
/// Less than this, and PostgreSQL may stop at the next checkpoint.
const TOO_LITTLE: u64 = GIB / 4;
/// Less than this is little for a log of deliveries.
const LITTLE: u64 = 2 * GIB;

pub(super) fn examine(config: &Config) -> Vec<DoctorFinding> {
    const SPACE: &str = "disk space";
    let folder = existing(&config.data_dir);
    let shown = folder.display();
    let room = match statvfs(folder) {
        Ok(room) => room,
        Err(error) => {
            let found = format!("{shown} cannot be looked at: {error}");
            return vec![DoctorFinding::failed(
                SPACE,
                found,
                "check the path of data_dir",
            )];
        }
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let all = room.f_blocks.saturating_mul(room.f_frsize);
    let found = format!("{} of {} free at {shown}", size(free), size(all));
    let remedy = "free some, or make the disk larger; lower retention_days keeps less";
    let space = if free < TOO_LITTLE {
        DoctorFinding::failed(SPACE, found, remedy)
    } else if free < LITTLE || free < all / 20 {
        DoctorFinding::warning(SPACE, found, remedy)
    } else {
        DoctorFinding::ok(SPACE, found)
    };
    let mut findings = vec![space];
    // Some file systems do not count their files.
    if room.f_files > 0 && room.f_favail < room.f_files / 50 {
        let found = format!("{} of {} inodes free", room.f_favail, room.f_files);
        findings.push(DoctorFinding::warning(
            SPACE,
            found,
            "remove files that nobody needs",
        ));
    }
    findings
}

/// The folder, or the nearest one above it that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

fn size(bytes: u64) -> String {
    let tenths = bytes / (GIB / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above() {
        assert_eq!(
            existing(Path::new("/proc/nothing/at/all")),
            Path::new("/proc")
        );
        assert_eq!(size(GIB * 3 / 2), "1.5 GiB");
        assert_eq!(size(GIB / 20), "0.0 GiB");
    }
}
