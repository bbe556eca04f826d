//! `command-line.md`: every visible command with its arguments, made from those that clap reads.

use clap::{Arg, Command};

use super::markdown::{anchor, begin, code, ended, table};
use crate::cli::conventions::{EXIT_CODES, VARIABLES};

const INTRO: &str = "\
`herald` is the daemon and all its tools. `--help` after a command explains it; so does its \
manual page (`man herald-publish`).

`publish` and `subscription` talk to a running daemon over HTTP and need `HERALD_TOKEN`. \
`token`, `user`, `audit`, `migrate`, `rotate-key` and `doctor` [work in the \
database](../guides/people.md#commands-that-work-in-the-database). They, `serve`, `check-config` \
and `plugin` read the [settings](settings.md).
";

/// Commands that exit with 1 for what they found, and what that is.
const FINDINGS: &[(&str, &str)] = &[
    ("audit", "a delivery is lost, or is in two places"),
    (
        "check-config",
        "a setting, or a file that it names, has a fault",
    ),
    ("doctor", "something would keep Herald from its work"),
    (
        "plugin check",
        "a script has a fault, or a test of it fails",
    ),
    ("plugin run", "the script failed"),
    ("publish", "an event was rejected"),
];

/// The page of the program's arguments.
pub(super) fn page(command: Command) -> String {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut text = begin("Command line", INTRO);
    let mut commands = Vec::new();
    below(&command, command.get_name(), &mut commands);
    let overview = commands.iter().map(|(name, command)| {
        let link = format!("[`{name}`](#{})", anchor(name));
        [link, about(command)]
    });
    text.push_str(&table(["command", "what it does"], overview));
    text.push_str("\n## Options of every command\n\n");
    text.push_str(&arguments(command.get_arguments()));
    text.push_str("\n## Exit codes\n\n");
    let codes = EXIT_CODES.iter();
    let codes = codes.map(|(code, meaning)| [(*code).to_owned(), (*meaning).to_owned()]);
    text.push_str(&table(["code", "meaning"], codes));
    text.push_str("\nSome commands also exit with 1 because of what they found:\n\n");
    let findings = FINDINGS.iter();
    let findings = findings.map(|(name, found)| [code(name), (*found).to_owned()]);
    text.push_str(&table(["command", "exit code 1"], findings));
    text.push_str("\n## Variables\n\n");
    let variables = VARIABLES.iter();
    let variables = variables.map(|(name, meaning)| [code(name), (*meaning).to_owned()]);
    text.push_str(&table(["variable", "meaning"], variables));
    text.push_str("\nEach setting has a variable of its own, see [Settings](settings.md).\n");
    for (name, command) in commands {
        text.push_str(&section(&name, command));
    }
    text
}

/// The visible commands below one that do something themselves, with their whole names.
fn below<'c>(command: &'c Command, name: &str, found: &mut Vec<(String, &'c Command)>) {
    for child in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = format!("{name} {}", child.get_name());
        if child.has_subcommands() {
            below(child, &name, found);
        } else {
            found.push((name, child));
        }
    }
}

fn section(name: &str, command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines();
    let usage: Vec<&str> = usage.map(str::trim).collect();
    let mut text = format!(
        "\n## {name}\n\n{}\n\n```text\n{}\n```\n",
        about(command),
        usage.join("\n")
    );
    let own = command.get_arguments().filter(|it| !it.is_global_set());
    let own: Vec<&Arg> = own.filter(|it| it.get_id() != "help").collect();
    if !own.is_empty() {
        text.push('\n');
        text.push_str(&arguments(own));
    }
    text
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    let paragraphs = about.map(ToString::to_string).unwrap_or_default();
    let paragraphs = paragraphs.split("\n\n").map(ended);
    paragraphs.collect::<Vec<_>>().join(" ")
}

fn arguments<'a>(arguments: impl IntoIterator<Item = &'a Arg>) -> String {
    let shown = arguments.into_iter().filter(|it| !it.is_hide_set());
    let rows = shown.map(|argument| [code(&argument.to_string()), meaning(argument)]);
    table(["argument", "meaning"], rows)
}

/// What an argument is for, with its values, its default and its variable.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut parts = vec![ended(&help.map(ToString::to_string).unwrap_or_default())];
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let values: Vec<String> = values.iter().map(|it| code(it.get_name())).collect();
        if !values.is_empty() {
            parts.push(format!("One of {}.", values.join(", ")));
        }
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<String> = defaults.map(|it| code(&it.to_string_lossy())).collect();
        if !defaults.is_empty() {
            parts.push(format!("Default: {}.", defaults.join(", ")));
        }
    }
    if let Some(variable) = argument.get_env() {
        let variable = variable.to_string_lossy();
        parts.push(format!("Variable: {}.", code(&variable)));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_visible_command_has_its_section_and_hidden_ones_have_none() {
        let page = page(Cli::command());
        for name in ["serve", "token create", "subscription add", "plugin run"] {
            assert!(page.contains(&format!("\n## herald {name}\n")), "{name}");
        }
        assert!(!page.contains("herald reference"));
        assert!(!page.contains("## herald help"));
    }

    #[test]
    fn an_argument_says_its_default_and_its_variable() {
        let page = page(Cli::command());
        let row = "| `--server <URL>` | Where Herald listens. Default: `http://127.0.0.1:8080`. \
                   Variable: `HERALD_URL`. |";
        assert!(page.contains(row), "{page}");
    }
}
