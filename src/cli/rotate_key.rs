//! `herald rotate-key`: another key for the secrets that are sealed in the database. Each step is
//! found again after an interruption, so that the command may be ended and repeated at any time.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use super::database::{self, Missing};
use super::output;
use crate::app::{fresh_key, place_of_keys};
use crate::config::{Config, KeyFile, KeyFileError};
use crate::domain::id::SubscriptionId;
use crate::domain::seal::{KeyRing, SealKey, SealKeyId, Sealed};
use crate::store::Database;
use crate::store::rotation::{self, Progress};
use crate::store::seal::{self, KnownSealKey, Sealing};

/// How often the daemons are asked for.
const LOOK: Duration = Duration::from_millis(250);
/// How often it reports what it waits for.
const REPORT: Duration = Duration::from_secs(10);
/// Tries of a batch while changes of somebody else's are in the way.
const TRIES: usize = 5;

#[derive(Debug, Args)]
pub(super) struct RotateKey {}

impl RotateKey {
    pub(super) async fn run(self, config: &Config, json: bool) -> anyhow::Result<()> {
        let file = KeyFile::of(config);
        database::with_database(config, Missing::Refuse, async |database| {
            let Some(_alone) = rotation::one_at_a_time(database).await? else {
                bail!("another `herald rotate-key` runs on this database: let it end first");
            };
            KeyRotation::prepare(database, file).await?.run(json).await
        })
        .await
    }
}

/// A rotation under way.
struct KeyRotation<'a> {
    database: &'a Database,
    file: KeyFile,
    ring: KeyRing,
    /// What values are sealed with at the end.
    key: SealKey,
    /// An earlier run was interrupted; this one goes on with its key.
    continued: bool,
}

impl<'a> KeyRotation<'a> {
    /// Makes the new key, or finds that of a run that was interrupted.
    async fn prepare(database: &'a Database, file: KeyFile) -> anyhow::Result<Self> {
        let known = seal::known(database).await?;
        let current = rotation::current(database).await?;
        let (Some(current), Some(place)) = (current, known.first().map(|key| &key.place)) else {
            bail!("there is no key yet: the first start of the daemon of this version makes one");
        };
        let Some(ring) = file.read()? else {
            bail!(
                "there is no key file {}: name the one that the daemon uses by HERALD_KEY_FILE \
                 (it was made as {place})",
                file.path().display()
            );
        };
        if let Some(key) = seal::lacking(&ring, &known) {
            bail!(key.missing_from(file.path()));
        }
        database.set_keys(ring.clone());
        if seal::begin(database).await? == Sealing::Waits {
            bail!(
                "a daemon of an older version is connected to this database, which cannot open \
                 sealed secrets: upgrade it, then run this again"
            );
        }
        while seal::seal_some(database).await? > 0 {}
        let newest = ring.newest().context("the key file holds no key")?.clone();
        let continued = newest.id() != current || known.len() > 1 || ring.keys().len() > 1;
        let mut rotation = Self {
            database,
            file,
            ring,
            key: newest,
            continued,
        };
        if !continued {
            rotation.add_key(&known)?;
        }
        Ok(rotation)
    }

    fn add_key(&mut self, known: &[KnownSealKey]) -> anyhow::Result<()> {
        let last = self.key.id().number();
        let taken =
            |id: &SealKeyId| self.ring.key(*id).is_some() || known.iter().any(|key| key.id == *id);
        let free = (1..=u8::MAX)
            .filter_map(|step| SealKeyId::new(last.wrapping_add(step)))
            .find(|id| !taken(id))
            .context("all 255 numbers of keys are taken")?;
        let key = fresh_key(free);
        let mut keys = self.ring.keys().to_vec();
        keys.push(key.clone());
        let ring = KeyRing::new(keys);
        self.file
            .replace(&ring)
            .map_err(|error| self.unwritable(error))?;
        self.ring = ring;
        self.key = key;
        Ok(())
    }

    async fn run(mut self, json: bool) -> anyhow::Result<()> {
        let id = self.key.id();
        if self.continued {
            output::report(&format!(
                "going on with key {id} of a run that was interrupted"
            ));
        }
        self.database.set_keys(self.ring.clone());
        let place = place_of_keys(&self.file);
        rotation::register(self.database, &self.key, &place).await?;
        self.switch().await?;
        let values = self.reseal().await?;
        if !rotation::forget_others(self.database, &self.key).await? {
            bail!("a value was sealed with another key meanwhile: run this again");
        }
        let ring = KeyRing::new(vec![self.key.clone()]);
        self.file
            .replace(&ring)
            .map_err(|error| self.unwritable(error))?;
        self.ring = ring;
        if json {
            output::json(&serde_json::json!({
                "key": id.number(),
                "fingerprint": self.key.fingerprint().short(),
                "values": values,
                "continued": self.continued,
                "key_file": self.file.path(),
            }))?;
        } else {
            output::line(&format!(
                "Key {id} ({}) seals all secrets now; {values} were sealed again in this run. Make \
                 a copy of {}.",
                self.key.fingerprint().short(),
                self.file.path().display()
            ))?;
        }
        Ok(())
    }

    /// Waits until every living daemon has the key, then has it seal what is new.
    async fn switch(&self) -> anyhow::Result<()> {
        let mut reported: Option<Instant> = None;
        loop {
            match rotation::switch_to(self.database, &self.key).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // Somebody writes: the lock is tried again.
                Err(error)
                    if error.is_away() && reported.is_none_or(|at| at.elapsed() < REPORT) => {}
                Err(error) => return Err(error.into()),
            }
            let missing = rotation::uninformed(self.database, &self.key).await?;
            if !missing.is_empty() && reported.is_none_or(|at| at.elapsed() > REPORT) {
                let lanes: Vec<String> = missing
                    .iter()
                    .map(|it| format!("lane {}, since {}", it.lane.0, it.since.format("%F %T UTC")))
                    .collect();
                output::report(&format!(
                    "waiting for {} running daemon(s) to know key {} ({}). Each sees a change of \
                     its key file within 2 s: copy {} to those on other machines; restart those \
                     that get it as a credential (systemctl restart herald). This command may be \
                     ended and run again.",
                    missing.len(),
                    self.key.id(),
                    lanes.join("; "),
                    self.file.path().display()
                ));
                reported = Some(Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn reseal(&self) -> anyhow::Result<u64> {
        let mut progress = Progress::default();
        let mut tries = 0;
        loop {
            let some =
                rotation::reseal_some(self.database, &self.ring, &self.key, &mut progress).await;
            match some {
                Ok(true) => tries = 0,
                Ok(false) => break,
                Err(error) if error.is_away() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if progress.locked.is_empty() {
            return Ok(progress.values);
        }
        let mut owners: Vec<String> = progress
            .locked
            .iter()
            .map(|what| match what {
                Sealed::Secret(owner, _) | Sealed::Headers(owner) | Sealed::Url(owner) => {
                    SubscriptionId::from_uuid(*owner).to_string()
                }
            })
            .collect();
        owners.dedup();
        bail!(
            "{} value(s) were damaged in the database and cannot be sealed again: {}. Rotate their \
             secrets without an overlap, set their headers and URLs again, then run this again. All others \
             are sealed with key {}; the old key stays in the key file until then.",
            progress.locked.len(),
            owners.join(", "),
            self.key.id()
        )
    }

    fn unwritable(&self, error: KeyFileError) -> anyhow::Error {
        let what_to_do = format!(
            "{} cannot be changed. If systemd hands it out as a credential, the file that it is \
             copied from is to be changed: `systemctl cat herald` names it at LoadCredential, \
             usually /etc/herald/credentials/herald.key. As root, run\n\
             \n    HERALD_KEY_FILE=/etc/herald/credentials/herald.key herald rotate-key\n\n\
             and, while it waits for the daemons, restart each of them by `systemctl restart \
             herald`. If it is a plain file, run this as root or as the file's owner",
            self.file.path().display()
        );
        anyhow::Error::new(error).context(what_to_do)
    }
}
