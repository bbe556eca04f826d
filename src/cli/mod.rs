//! The command line: what may be asked for, who answers it, and the exit code (`conventions.rs`).

mod audit;
mod check_config;
mod client;
mod conventions;
mod database;
mod doctor;
mod files;
mod manual;
mod migrate;
mod output;
mod plugin;
mod publish;
mod receive;
#[cfg(test)]
mod reference;
mod rotate_key;
mod serve;
mod subscription;
mod token;
mod user;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Config, example_file};

/// Delivers an application's events to other systems
#[derive(Debug, Parser)]
#[command(name = "herald", version, about)]
struct Cli {
    /// Print JSON instead of tables and sentences
    #[arg(long, global = true, display_order = 90)]
    json: bool,
    /// Read the settings from this TOML file
    #[arg(long, global = true, value_name = "FILE", display_order = 91)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::Serve),
    /// Bring the database's schema up to this version
    ///
    /// The daemon does it itself at each start.
    Migrate(migrate::Migrate),
    /// Check the settings and show those in force
    CheckConfig {
        /// Say only what is wrong
        #[arg(long)]
        quiet: bool,
    },
    /// Publish one event, or a batch of them
    Publish(publish::Publish),
    /// Manage subscriptions
    #[command(subcommand)]
    Subscription(subscription::SubscriptionCommand),
    /// Manage API tokens, directly in the database
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage people who may sign in, directly in the database
    #[command(subcommand)]
    User(user::UserCommand),
    /// Check and try scripts
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Receive deliveries, verify and print them
    Receive(receive::Receive),
    /// Count what was accepted against what came of it
    Audit,
    /// Examine the machine, the database and the settings, and say what to do
    Doctor(doctor::Doctor),
    /// Seal the secrets in the database with a new key
    RotateKey(rotate_key::RotateKey),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a settings file with every setting explained, all commented out
    ExampleConfig,
    /// Write the manual pages into a folder
    Manual {
        /// The folder; made if it is missing
        folder: PathBuf,
    },
}

/// The arguments are in order, but what they ask for cannot be tried as it is asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(&'static str);

/// Reads the arguments of this process, does what they say and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, faults to standard error; a reader may be gone.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::report_failure(&error);
            ExitCode::from(if error.is::<WrongUsage>() { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli {
        json,
        config,
        command,
    } = cli;
    let settings = || Config::from_environment(config.as_deref());
    match command {
        Command::Serve(command) => command.run(settings()?)?,
        Command::Migrate(command) => block_on(command.run(&settings()?, json))?,
        Command::CheckConfig { quiet } => return check_config::run(&settings()?, json, quiet),
        Command::Publish(command) => return block_on(command.run(json)),
        Command::Subscription(command) => block_on(command.run(json))?,
        Command::Token(command) => block_on(command.run(&settings()?, json))?,
        Command::User(command) => block_on(command.run(&settings()?, json))?,
        Command::Plugin(command) => return command.run(&settings()?, json),
        Command::Receive(command) => block_on(command.run(json))?,
        Command::Doctor(command) => return block_on(command.run(&settings()?, json)),
        Command::Audit => return block_on(audit::run(&settings()?, json)),
        Command::RotateKey(command) => block_on(command.run(&settings()?, json))?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "herald", &mut script);
            output::write(&String::from_utf8_lossy(&script))?;
        }
        Command::ExampleConfig => output::write(&example_file())?,
        Command::Manual { folder } => manual::write(Cli::command(), &folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on<F: Future>(work: F) -> F::Output {
    actix::System::new().block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_declared_without_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_belongs_together_is_asked_for_together() {
        for line in [
            "herald",
            "herald migrate --revert-all",
            "herald publish",
            "herald publish a.json --examples",
            "herald receive --rate 0.1",
            "herald receive --fail 500 --rate 1.1",
            "herald receive --fail 200",
            "herald receive --secret whsec_x",
            "herald token create --role admin",
            "herald token create --role admin --account main --operator",
            "herald subscription add --header novalue",
            "herald user add ann@example.com",
            "herald user add Ann --role admin",
            "herald user add ann@example.com --role publisher",
            "herald user edit ann@example.com --disable --enable",
            "herald plugin run a.rhai",
            "herald plugin run a.rhai --event a.json --type A",
            "herald plugin run a.rhai --type A --attempt 0",
            "herald subscription show evt_01h455vb4pex5vsknk084sn02q",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        for line in [
            "herald migrate --revert-all --yes",
            "herald publish -",
            "herald publish --examples --json",
            "herald receive --fail hang --rate 0.1 --seed 7",
            "herald token create --account main --role admin",
            "herald user add ann@example.com --role admin",
            "herald user edit ann@example.com --account other --name Ann --enable",
            "herald user link ann@example.com --url https://herald.example.com",
            "herald user list --json",
            "herald check-config --quiet",
            "herald plugin check",
            "herald plugin check a.rhai b.rhai",
            "herald plugin run a.rhai --type A --json",
            "herald subscription add --title T --url https://a.example --trigger *",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
