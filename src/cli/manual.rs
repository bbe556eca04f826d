//! The manual pages: one for each command, made from the same arguments as the help, and one for
//! the settings file, made from the table of settings.

use std::io::Write;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::conventions::{EXIT_CODES, VARIABLES};
use super::files;
use crate::config;

const MANUAL: &str = "Herald";

/// Writes `herald.1`, `herald-<command>.1` and `herald.toml.5` into `folder`.
pub(super) fn write(command: Command, folder: &Path) -> anyhow::Result<()> {
    // The subcommand `help` would get a page for each command once more.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("herald.1".to_owned(), whole(&command)?)];
    for child in command.get_subcommands() {
        of_command(child, &mut pages)?;
    }
    pages.push(("herald.toml.5".to_owned(), settings()?));
    files::write(folder, pages)
}

/// The pages of a command and of those below it.
fn of_command(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    if command.is_hide_set() {
        return Ok(());
    }
    let page = titled(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    see_also(&mut text, &[("herald", "1"), ("herald.toml", "5")])?;
    pages.push((page.get_filename(), text));
    for child in command.get_subcommands() {
        of_command(child, pages)?;
    }
    Ok(())
}

fn titled(command: &Command) -> Man {
    Man::new(command.clone())
        .manual(MANUAL)
        .source(concat!("herald ", env!("CARGO_PKG_VERSION")))
}

/// The page of the program: what holds for all commands is here.
fn whole(command: &Command) -> anyhow::Result<Vec<u8>> {
    let page = titled(command);
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "An application publishes an event over HTTP; Herald commits it to PostgreSQL, finds the \
         subscriptions that match, and sends each of them a signed HTTP request or a mail. What \
         fails is tried again on a schedule.",
    )]);
    roff.control("PP", []);
    roff.text([
        bold("herald serve"),
        roman(" is the daemon; under systemd it is the service "),
        bold("herald.service"),
        roman(
            ". Some commands ask a running daemon over HTTP, others work in its database and need \
             its settings.",
        ),
    ]);
    roff.to_writer(&mut text)?;
    page.render_options_section(&mut text)?;
    page.render_subcommands_section(&mut text)?;
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        described(&mut roff, code, meaning);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in VARIABLES {
        described(&mut roff, name, meaning);
    }
    roff.text([
        roman("Each setting has a variable of its own, see "),
        bold("herald.toml"),
        roman("(5)."),
    ]);
    roff.control("SH", ["FILES"]);
    for (path, meaning) in [
        ("/etc/herald/herald.toml", "The settings of the service."),
        (
            "/etc/herald/plugins",
            "The scripts that filter and transform.",
        ),
        (
            "/var/lib/herald",
            "What Herald keeps outside a database of yours: the private PostgreSQL if you set no \
             other, and the key of the secrets.",
        ),
        (
            "/usr/share/doc/herald/docs/operating",
            "Backup, restore, upgrade and the like, step by step.",
        ),
    ] {
        described(&mut roff, path, meaning);
    }
    roff.to_writer(&mut text)?;
    see_also(
        &mut text,
        &[
            ("herald.toml", "5"),
            ("systemctl", "1"),
            ("journalctl", "1"),
        ],
    )?;
    Ok(text)
}

/// `herald.toml(5)`.
fn settings() -> anyhow::Result<Vec<u8>> {
    let mut roff = Roff::new();
    let source = concat!("herald ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["herald.toml", "5", "", source, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("herald.toml - the settings of Herald")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([
        roman("A setting comes from its environment variable, else from the TOML file that "),
        bold("--config"),
        roman(" or "),
        bold("HERALD_CONFIG"),
        roman(" names, else it has its default. The service reads "),
        italic("/etc/herald/herald.toml"),
        roman(
            ". Unknown keys are refused. All faults are reported at once, with line and column: ",
        ),
        bold("herald check-config"),
        roman("."),
    ]);
    roff.control("SH", ["SETTINGS"]);
    for setting in config::describe() {
        roff.control("TP", []);
        roff.text([bold(setting.key), roman(", "), bold(setting.variable)]);
        roff.text([roman(setting.meaning)]);
        roff.control("IP", []);
        let default = match setting.default {
            "" => vec![roman("Default: none.")],
            text => vec![roman("Default: "), italic(text)],
        };
        roff.text(default);
    }
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    see_also(&mut text, &[("herald", "1")])?;
    Ok(text)
}

/// A name with its meaning, indented.
fn described(roff: &mut Roff, name: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(meaning)]);
}

fn see_also(text: &mut impl Write, pages: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (place, (name, section)) in pages.iter().enumerate() {
        if place > 0 {
            line.push(roman(", "));
        }
        line.push(bold(*name));
        line.push(roman(format!("({section})")));
    }
    roff.text(line);
    roff.to_writer(text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn names(command: &Command, prefix: &str, all: &mut Vec<String>) {
        for child in command.get_subcommands() {
            if child.is_hide_set() || child.get_name() == "help" {
                continue;
            }
            let name = format!("{prefix}-{}", child.get_name());
            all.push(format!("{name}.1"));
            names(child, &name, all);
        }
    }

    #[test]
    fn every_command_and_every_setting_has_its_page() {
        let folder = tempfile::tempdir().unwrap();
        write(Cli::command(), folder.path()).unwrap();
        let mut expected = vec!["herald.1".to_owned(), "herald.toml.5".to_owned()];
        names(&Cli::command(), "herald", &mut expected);
        expected.sort();
        let mut written: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        written.sort();
        assert_eq!(written, expected);
        let page = fs::read_to_string(folder.path().join("herald.toml.5")).unwrap();
        for setting in config::describe() {
            assert!(page.contains(setting.variable), "{}", setting.variable);
        }
    }
}
