//! The rights of the folders: who may read what is secret, and who may write what runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::finding::DoctorFinding;
use crate::config::Config;

/// Folders below the plugins folder that are looked into.
const DEPTH: usize = 3;

pub(super) fn examine(config: &Config) -> Vec<DoctorFinding> {
    vec![data(&config.data_dir), plugins(&config.plugins.dir)]
}

fn data(folder: &Path) -> DoctorFinding {
    const CHECK: &str = "data folder";
    let shown = folder.display();
    let Ok(found) = fs::metadata(folder) else {
        return DoctorFinding::ok(CHECK, format!("{shown} is made at the first start"));
    };
    let own = rustix::process::geteuid().as_raw();
    if own != 0 && found.uid() != own {
        return DoctorFinding::failed(
            CHECK,
            format!(
                "{shown} belongs to uid {}, and this is uid {own}",
                found.uid()
            ),
            "run the doctor as the user that Herald runs as (`sudo -u herald herald doctor`), or \
             as root",
        );
    }
    if found.permissions().mode() & 0o002 != 0 {
        return DoctorFinding::failed(
            CHECK,
            format!("everybody may write to {shown}"),
            format!("chmod o-w {shown}"),
        );
    }
    DoctorFinding::ok(
        CHECK,
        format!("{shown} belongs to uid {} alone", found.uid()),
    )
}

/// Whoever writes a script decides what is sent to customers.
fn plugins(folder: &Path) -> DoctorFinding {
    const CHECK: &str = "plugins folder";
    let shown = folder.display();
    if !folder.exists() {
        return DoctorFinding::ok(CHECK, format!("{shown} is not there: no scripts"));
    }
    let mut found = PluginFiles::default();
    found.look(folder, DEPTH);
    if let Some(path) = found.writable.first() {
        let path = path.display();
        return DoctorFinding::failed(
            CHECK,
            format!("everybody may write to {path}, and so decide what is sent"),
            format!("chmod -R o-w {shown}"),
        );
    }
    if let Some(path) = found.unreadable.first() {
        return DoctorFinding::failed(
            CHECK,
            format!("{} cannot be read", path.display()),
            format!("chmod -R a+rX {shown}, or give it to Herald's group"),
        );
    }
    let scripts = match found.scripts {
        1 => "1 script".to_owned(),
        other => format!("{other} scripts"),
    };
    DoctorFinding::ok(
        CHECK,
        format!("{shown}: {scripts}, written by their owners alone"),
    )
}

#[derive(Default)]
struct PluginFiles {
    scripts: usize,
    writable: Vec<PathBuf>,
    unreadable: Vec<PathBuf>,
}

impl PluginFiles {
    fn look(&mut self, path: &Path, depth: usize) {
        // What a link leads to counts: that is what Herald reads.
        let Ok(metadata) = fs::metadata(path) else {
            self.unreadable.push(path.to_owned());
            return;
        };
        if metadata.permissions().mode() & 0o002 != 0 {
            self.writable.push(path.to_owned());
        }
        if metadata.is_dir() {
            let Ok(entries) = fs::read_dir(path) else {
                self.unreadable.push(path.to_owned());
                return;
            };
            if depth > 0 {
                for entry in entries.flatten() {
                    self.look(&entry.path(), depth - 1);
                }
            }
        } else if path.extension().is_some_and(|it| it == "rhai") {
            self.scripts += 1;
            if fs::File::open(path).is_err() {
                self.unreadable.push(path.to_owned());
            }
        }
    }
}
