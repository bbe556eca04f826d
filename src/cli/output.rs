//! What the commands say: the one place that writes to standard output and standard error.
//! A reader that went away (`herald audit | head -1`) ends the writing, not the command.

use std::io::{self, Write};

use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::app;

/// Writes to standard output and flushes, so that a pipe's reader sees it at once.
///
/// # Errors
/// When it cannot be written, except that its reader went away.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes one line to standard output.
///
/// # Errors
/// As [`write`].
pub(crate) fn line(text: &str) -> io::Result<()> {
    write(&format!("{text}\n"))
}

/// Writes a value as JSON for machines: indented, one document.
///
/// # Errors
/// As [`write`].
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Writes a value as JSON in one line, for streams of them.
///
/// # Errors
/// As [`write`].
pub(crate) fn json_line(value: &impl Serialize) -> io::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// Writes a table with the given headings.
///
/// # Errors
/// As [`write`].
pub(crate) fn table<R, C>(headings: &[&str], rows: R) -> io::Result<()>
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(
        headings
            .iter()
            .map(|heading| Cell::new(heading.to_uppercase())),
    );
    for row in rows {
        table.add_row(row.into_iter().map(|cell| Cell::new(plain(&cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    write(&trimmed(&table))
}

/// Writes names with their values, one pair a line.
///
/// # Errors
/// As [`write`].
pub(crate) fn pairs(rows: &[(&str, String)]) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    for (name, value) in rows {
        table.add_row([Cell::new(name), Cell::new(plain(value))]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    write(&trimmed(&table))
}

/// Writes something that is not the command's result to standard error. Nobody is left to hear of
/// it when that fails.
pub(crate) fn report(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Reports why a command failed: one plain line, then its causes.
pub(crate) fn report_failure(error: &anyhow::Error) {
    let mut text = format!("herald: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if !last.ends_with(&cause) {
            text.push_str("\n  cause: ");
            text.push_str(&cause);
        }
        last = cause;
    }
    let _ = io::stderr()
        .lock()
        .write_all(app::failure(&text).as_bytes());
}

/// The text with its control characters replaced, so that what others chose (titles, headers,
/// bodies) cannot steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn trimmed(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_chose_cannot_steer_a_terminal() {
        assert_eq!(
            plain("a\u{1b}[2Jb\rc\u{9b}"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}"
        );
        assert_eq!(plain("Übersicht 注文"), "Übersicht 注文");
    }
}
