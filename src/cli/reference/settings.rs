//! `settings.md`: where settings come from, and the table of them.

use super::markdown::{begin, code, sentence, table};
use crate::config::{self, Setting};

const INTRO: &str = "\
Herald looks for each setting in four places, and the first that has it wins:

1. its environment variable,
2. a credential: a file that is named like the key and holds the value alone,
3. the TOML file that `--config` or `HERALD_CONFIG` names, under the key,
4. the default.

If `HERALD_CONFIG` is not set, Herald reads `/etc/herald/herald.toml` if it exists. Credentials \
are in the folder that systemd hands over \
([`LoadCredential=`](https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Credentials)), \
otherwise in `/etc/herald/credentials`. So the commands of an installed Herald use the daemon's \
settings. The credential `smtp_credentials` is the file that `smtp_credentials_file` would name.

`herald check-config` shows the values in force and where each was found. It reports all faults \
at once, with line and column. A key in the file that is not in these tables is a fault.

The column *change* says when a new value takes effect: `reload` after [`systemctl reload \
herald`](../operating/install.md#change-settings) (or SIGHUP), `restart` at the next start. A \
variable in the environment of the daemon changes at a restart alone.

In the TOML file a text is in quotes, a number is not, and a list is a list of texts. In a \
variable, the entries of a list are separated by commas. `herald example-config` prints a file \
with every setting.";

pub(super) fn page() -> String {
    let mut text = begin("Settings", INTRO);
    for (heading, settings) in config::groups() {
        let headings = ["key", "variable", "type", "default", "meaning", "change"];
        let rows = settings.iter().map(row);
        text.push_str(&format!("\n## {heading}\n\n{}", table(headings, rows)));
        if let Some(after) = after(heading) {
            text.push_str(&format!("\n{after}\n"));
        }
    }
    text
}

/// What belongs to a group beyond its table.
fn after(heading: &str) -> Option<&'static str> {
    match heading {
        "HTTP" => Some(
            "What names, proxies and separate addresses mean together is in [Proxies and \
             clients](../operating/proxies.md).",
        ),
        "Clients" => Some(
            "How Herald uses these bounds is in [What a client may take \
             up](../operating/proxies.md#what-a-client-may-take-up).",
        ),
        "Accounts" => Some(
            "The bounds are the same for every account. What an account has beyond a bound that \
             was lowered stays.",
        ),
        "Database" => Some(
            "TLS to the database is in [TLS](../operating/tls.md#to-the-database), poolers and \
             standbys are in [PostgreSQL](../operating/postgresql.md).",
        ),
        "Plugins" => Some(
            "What happens when a script reaches a bound is in [When a script \
             fails](../guides/plugin-language.md#when-a-script-fails).",
        ),
        "Mail" => Some(
            "Examples are in [Connect a mail \
             server](../guides/mail.md#connect-a-mail-server).",
        ),
        "Log" => Some(
            "The log goes to standard error. It holds no payloads and no secrets. Where standard \
             error leads to systemd's journal, `text` is as `journal`: the level as `<N>` before \
             each line, and no time of its own.",
        ),
        _ => None,
    }
}

fn row(setting: &Setting) -> [String; 6] {
    let change = if setting.is_reloadable() {
        "reload"
    } else {
        "restart"
    };
    [
        code(setting.key),
        code(setting.variable),
        setting.kind().to_owned(),
        default(setting),
        sentence(&with_keys(setting.meaning)),
        change.to_owned(),
    ]
}

fn default(setting: &Setting) -> String {
    match (setting.default, setting.kind()) {
        ("", "list") => "none".to_owned(),
        ("", _) => "not set".to_owned(),
        (text, _) => code(text),
    }
}

/// The text with the keys of settings as code. A key that is an ordinary word stays one.
fn with_keys(text: &str) -> String {
    let is_key = |word: &str| word.contains('_') && config::describe().any(|it| it.key == word);
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if is_key(bare) && !word.contains('`') {
            word.replacen(bare, &code(bare), 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_row() {
        let page = page();
        for setting in config::describe() {
            let row = format!("| `{}` | `{}` |", setting.key, setting.variable);
            assert_eq!(page.matches(&row).count(), 1, "{row}");
        }
    }

    #[test]
    fn keys_in_a_sentence_are_code_and_words_are_not() {
        assert_eq!(
            with_keys("up to slow_client_seconds, then (smtp_url) on listen"),
            "up to `slow_client_seconds`, then (`smtp_url`) on listen"
        );
    }
}
