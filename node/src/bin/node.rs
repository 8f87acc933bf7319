//! The `node` program: reads the command line, carries it out, and ends with an exit code that tells the result.

use std::process::ExitCode;

use node::cli::exit::ExitStatus;
use node::cli::setup::show::ConfigCommand;
use node::cli::setup::{init, show};
use node::cli::{BoundsArgs, Cli, Command, RunArgs, client, pages};
use node::observe::logging;
use node::run;

fn main() -> ExitCode {
    run::exit_on_panic();
    let cli = Cli::read();
    if !matches!(cli.command, None | Some(Command::Run(_))) {
        // A run reports this in its log.
        for line in Cli::strange_variables(std::env::vars_os().map(|(name, _)| name)) {
            logging::to_stderr(&format!("warning: {line}"));
        }
    }
    match cli.command {
        None => run_node(cli.run),
        Some(Command::Run(args)) => run_node(*args),
        Some(Command::Init(args)) => report(init::init(&args, &cli.effective)),
        Some(Command::Config(args)) => match args.command {
            Some(ConfigCommand::Check { file }) => report(show::check(&file)),
            None => report(show::show(
                args.json,
                &cli.effective,
                args.run.memory,
                &run::bounds::rows(&BoundsArgs::from(&args.run)),
            )),
        },
        Some(Command::Completions { shell }) => report(pages::completions(shell)),
        Some(Command::Man { out }) => report(pages::man(&out)),
        Some(Command::Key(command)) => report(client::key(command)),
        Some(Command::Status(args)) => report(client::status(&args)),
        Some(Command::Peers(args)) => report(client::peers(&args)),
        Some(Command::Bans(ask)) => report(client::orders::bans(&ask)),
        Some(Command::Log { filter, ask }) => report(client::orders::log(&filter, &ask)),
        Some(Command::Members(args)) => report(client::members::members(&args)),
        Some(Command::Set(args)) => report(client::members::set(&args)),
        Some(Command::Get(args)) => report(client::members::get(&args)),
        Some(Command::Aggregate { name, ask }) => report(client::members::aggregate(&name, &ask)),
        Some(Command::Leave(ask)) => report(client::members::leave(&ask)),
        Some(Command::Trace(args)) => report(client::trace::run(&args)),
        Some(Command::Evidence(ask)) => report(client::evidence(&ask)),
        Some(Command::Doctor(args)) => {
            let typed = &args.run;
            let (peers_in, peers_out) = (usize::from(typed.max_peers_in), usize::from(typed.max_peers_out));
            let needed = run::descriptors::needed(peers_in, peers_out, typed.reserved_peer.len());
            report(client::doctor::run(&args, needed))
        }
        Some(Command::Bounds(args)) => report(client::bounds::run(&args, run::bounds::rows(&args))),
        Some(Command::Tx(command)) => report(client::transaction(command)),
        Some(Command::Block(command)) => report(client::block::run(command)),
    }
}

fn run_node(args: RunArgs) -> ExitCode {
    report(run::run(args, None))
}

/// Prints an error, and turns either result into an exit code.
fn report<E: std::fmt::Display + ExitStatus>(result: Result<ExitCode, E>) -> ExitCode {
    result.unwrap_or_else(|error| {
        logging::to_stderr(&format!("error: {error}"));
        error.exit_code()
    })
}
