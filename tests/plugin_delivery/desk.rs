//! A daemon with a plugins folder, and what tests do with it.

#![allow(dead_code, reason = "each program of tests uses a part of it")]

use std::fs;
use std::ops::Deref;

use serde_json::{Value, json};

use crate::support::scripted::Request;
use crate::support::{Herald, wait_for};

/// A daemon whose scripts are written by the test.
pub(crate) struct Desk {
    pub(crate) herald: Herald,
}

impl Deref for Desk {
    type Target = Herald;

    fn deref(&self) -> &Herald {
        &self.herald
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With more settings, as environment variables.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let herald = Herald::launch_with(settings);
        for kind in ["triggers", "named"] {
            fs::create_dir_all(herald.plugins().join(kind)).unwrap();
        }
        Self { herald }
    }

    /// Saves a script as editors do: beside it, then renamed.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.plugins().join(path);
        let beside = path.with_extension("new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// Saves a script and waits until that version is at work.
    #[track_caller]
    pub(crate) fn save(&self, path: &str, text: &str) {
        self.write(path, text);
        let hash = hash(text);
        self.plugin_with(path, &format!("{path} to be at work"), |it| {
            it["hash"] == hash.as_str() && it["error"].is_null()
        });
    }

    /// Takes a script away and waits until Herald has seen it.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.plugins().join(path)).unwrap();
        wait_for(&format!("{path} to be gone"), || {
            self.plugin(path).is_none().then_some(())
        });
    }

    /// What `/v1/plugins` tells of a script.
    pub(crate) fn plugin(&self, path: &str) -> Option<Value> {
        let list = self.client.get("/v1/plugins").expect(200).json();
        let list = list["data"].as_array().unwrap().clone();
        list.into_iter().find(|it| it["name"] == path)
    }

    /// Waits until that holds of a script.
    #[track_caller]
    pub(crate) fn plugin_with(
        &self,
        path: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_for(what, || self.plugin(path).filter(|it| holds(it)))
    }

    /// Waits until a script is in a state.
    #[track_caller]
    pub(crate) fn plugin_in(&self, state: &str, path: &str) -> Value {
        self.plugin_with(path, &format!("{path} to be {state}"), |it| {
            it["state"] == state
        })
    }

    /// A subscription that names a script.
    #[track_caller]
    pub(crate) fn subscribe_through(&self, plugin: &str, url: &str, triggers: &[&str]) -> String {
        let more = json!({"plugin": plugin, "retry_schedule": [1, 1, 1, 1, 1, 1, 1, 1]});
        self.client.subscribe_with(url, triggers, &more)
    }
}

/// The hash of a script, as Herald shows it.
pub(crate) fn hash(text: &str) -> String {
    herald::plugin::ScriptHash::of(text).hex()
}

/// The body of a request.
pub(crate) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}
