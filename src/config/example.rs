//! The settings file that comes with the package: every row of the table explained, with its
//! default, all commented out. It is made from the table alone, so that it cannot lag behind.

use std::fmt::Write as _;

use super::setting::{self, Kind, Setting};

/// Longest line of a comment, in characters.
const WIDTH: usize = 96;

const HEAD: &str = "\
# Settings of Herald, each with its default. To change one, remove the # before its name. The
# environment variable that is named with it wins over this file.
#
# Check a change before it takes effect:
#   herald check-config --config /etc/herald/herald.toml
# Then have the daemon read the file again; it keeps the old settings if the file is faulty:
#   systemctl reload herald
# The log names the settings that need a restart: systemctl restart herald
";

/// A settings file with every setting explained and commented out.
#[must_use]
pub fn example_file() -> String {
    let mut file = HEAD.to_owned();
    for setting in setting::all() {
        // Writing to a String does not fail.
        let _ = write!(
            file,
            "\n{}# Variable: {}\n#{} = {}\n",
            comment(setting.meaning),
            setting.variable,
            setting.key,
            value(setting)
        );
    }
    file
}

/// The default as TOML; what is not set is the empty text or list.
fn value(setting: &Setting) -> String {
    match setting.kind {
        Kind::Text => quoted(setting.default),
        Kind::Number => setting.default.to_owned(),
        Kind::List => {
            let items: Vec<String> = setting
                .default
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(quoted)
                .collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A sentence as lines that begin with `# `, broken between words.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Config {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Config::load(Some(file.path()), std::iter::empty()).unwrap()
    }

    fn in_force(config: &Config) -> Vec<(&'static str, String)> {
        config
            .describe()
            .map(|(it, value)| (it.key, value))
            .collect()
    }

    #[test]
    fn every_setting_is_explained_once_with_its_default() {
        let file = example_file();
        for setting in setting::all() {
            let line = format!("#{} = {}", setting.key, value(setting));
            assert_eq!(file.lines().filter(|it| **it == line).count(), 1, "{line}");
            assert!(file.contains(&format!("# Variable: {}\n", setting.variable)));
            for word in setting.meaning.split_whitespace() {
                assert!(file.contains(word), "{word}");
            }
        }
        assert!(file.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn as_it_is_shipped_it_changes_nothing_and_neither_does_any_line_taken_in() {
        let file = example_file();
        let defaults = in_force(&Config::load(None, std::iter::empty()).unwrap());
        assert_eq!(in_force(&read(&file)), defaults);
        let taken_in: Vec<&str> = file
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => rest,
                _ => line,
            })
            .collect();
        assert_eq!(in_force(&read(&taken_in.join("\n"))), defaults);
        let keys = taken_in
            .iter()
            .filter(|line| line.contains(" = ") && !line.starts_with('#'));
        assert_eq!(keys.count(), setting::all().count());
    }
}
