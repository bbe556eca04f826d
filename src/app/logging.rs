//! Log lines on standard error: text, JSON, or as systemd's journal reads them; filtered as the
//! settings say.
//!
//! Where standard error leads to the journal, each line begins with its level as `<N>`
//! (sd-daemon(3)): the journal takes it off and keeps it as the line's priority. It has the time
//! already, so that text has none of its own there.

use std::fmt::{self, Debug};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt as lines, reload};

use crate::config::{Config, LogFormat, ServiceManager};
use crate::store::DISK_FULL;
use crate::store::clock::uptime;

/// Which lines are written, changeable at run time.
#[derive(Debug, Clone)]
pub(super) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// From now on, writes the lines that `directives` ask for.
    ///
    /// # Errors
    /// When they cannot be read; then nothing changes.
    pub(super) fn set(&self, directives: &str) -> anyhow::Result<()> {
        Ok(self.0.reload(filter(directives)?)?)
    }
}

/// Starts logging for the whole process.
pub(super) fn start(config: &Config) -> anyhow::Result<LogFilter> {
    let (filter, handle) = reload::Layer::new(filter(&config.log.filter)?);
    let in_journal = leads_to_journal(&config.service_manager);
    let layer = lines::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match (config.log.format, in_journal) {
        (LogFormat::Journal, _) | (LogFormat::Text, true) => layer
            .with_ansi(false)
            .event_format(Prefixed(
                Format::default()
                    .without_time()
                    .with_level(false)
                    .with_target(false),
            ))
            .boxed(),
        (LogFormat::Text, false) => layer
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .boxed(),
        // With its time: it is for machines that read it somewhere else.
        (LogFormat::Json, true) => layer
            .json()
            .with_ansi(false)
            .map_event_format(|json| Prefixed(json.with_target(false)))
            .boxed(),
        (LogFormat::Json, false) => layer.json().with_target(false).with_ansi(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(SeldomFull::default())
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))?;
    Ok(LogFilter(handle))
}

/// The HTTP library logs each request that it cannot read as an error, so that strangers could
/// fill the log. `http` counts them instead, and logs what Herald itself did wrong. Directives
/// that name the library win.
const QUIET: &str = "actix_http=off";

/// Lets one line a minute report that the database's disk is full: whatever writes runs into it,
/// again and again.
#[derive(Default)]
struct SeldomFull(Mutex<Option<Duration>>);

const SELDOM: Duration = Duration::from_secs(60);

impl<S: Subscriber> Layer<S> for SeldomFull {
    fn event_enabled(&self, event: &Event<'_>, _: LayerContext<'_, S>) -> bool {
        let mut visitor = FullDiskVisitor(false);
        event.record(&mut visitor);
        if !visitor.0 {
            return true;
        }
        let now = uptime();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_sub(last) < SELDOM) {
            return false;
        }
        *last = Some(now);
        true
    }
}

/// Whether an error, or the reason of something, is a full disk.
struct FullDiskVisitor(bool);

impl Visit for FullDiskVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if matches!(field.name(), "error" | "why") {
            self.0 |= format!("{value:?}").contains(DISK_FULL);
        }
    }
}

fn filter(directives: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{QUIET},{directives}"))
        .with_context(|| format!("the setting `log` cannot be read: {directives}"))
}

/// Whether standard error is the stream that the service manager connected to the journal.
fn leads_to_journal(manager: &ServiceManager) -> bool {
    let found = rustix::fs::fstat(std::io::stderr());
    found.is_ok_and(|found| manager.journal == Some((found.st_dev, found.st_ino)))
}

/// Another format with the level's number before each line, also before those that a message
/// itself begins.
struct Prefixed<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prefixed<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.0
            .format_event(context, Writer::new(&mut text), event)?;
        let prefix = prefix(*event.metadata().level());
        for line in text.lines() {
            writeln!(writer, "{prefix}{line}")?;
        }
        Ok(())
    }
}

/// The line of a failure that ends the process, as the journal reads it if that is where standard
/// error leads.
#[must_use]
pub(crate) fn failure(text: &str) -> String {
    if leads_to_journal(&ServiceManager::of_this_process()) {
        text.lines().map(|line| format!("<3>{line}\n")).collect()
    } else {
        format!("{text}\n")
    }
}

/// The levels of syslog(3).
fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_has_the_level_before_it_and_no_time() {
        let paper = Paper::default();
        let writer = paper.clone();
        let layer = lines::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .event_format(Prefixed(
                Format::default()
                    .without_time()
                    .with_level(false)
                    .with_target(false),
            ));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(lane = 7, "one");
            tracing::warn!("two\nand its second line");
            tracing::info!("three");
            tracing::debug!("four");
        });
        let written = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            written,
            "<3>one lane=7\n<4>two\n<4>and its second line\n<6>three\n<7>four\n"
        );
    }
}
