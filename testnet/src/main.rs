//! The `testnet` command.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use testnet::cli::{Cli, Command, RunArgs};
use testnet::local::Ended;
use testnet::local::progress::to_stderr;
use testnet::report;
use testnet::report::schema::Report;

const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => run(*arguments),
        Command::Report { dir } => show(&dir),
    };
    result.unwrap_or_else(|error| {
        to_stderr(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(arguments: RunArgs) -> anyhow::Result<ExitCode> {
    let typed: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    let plan = arguments.plan(format!("testnet {}", typed.join(" "))).unwrap_or_else(|error| {
        Cli::command().error(clap::error::ErrorKind::ValueValidation, format!("{error:#}")).exit()
    });
    // One thread: the kernel ends the nodes when the thread that started them ends, and this one lasts.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(testnet::local::run(&plan))? {
        Ended::Reported(report, dir) => {
            print(&report);
            to_stderr(&format!("written to {}", dir.display()));
            Ok(ExitCode::SUCCESS)
        }
        Ended::Interrupted(report) => {
            if let Some(report) = report {
                print(&report);
            }
            to_stderr("interrupted; nothing is left running");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn show(dir: &Path) -> anyhow::Result<ExitCode> {
    let report = report::read(dir)?;
    print(&report);
    if report::redraw_missing(dir, &report)? {
        to_stderr(&format!("drew {} again", dir.join(report::CDF_FILE).display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report) {
    let mut stdout = std::io::stdout();
    let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // A reader that has gone away wants no more.
    let _ = writeln!(stdout, "{}", report::tables::render(report, color));
}

/// A word as a shell would take it again.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
