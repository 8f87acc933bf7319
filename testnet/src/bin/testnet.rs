//! The `testnet` command.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory as _, Parser as _};
use testnet::cli::{
    AggregatesArgs, Cli, Command, CompareArgs, ReportArgs, RunArgs, SimArgs, WatchedArgs, WorkerArgs, quoted,
};
use testnet::dashboard::replay::Film;
use testnet::dashboard::serve_film;
use testnet::engine::worker;
use testnet::local::compare::Compare;
use testnet::local::interrupt::Interrupt;
use testnet::local::plan::Plan;
use testnet::local::progress::to_stderr;
use testnet::local::{Ended, capacity, plateau, watched};
use testnet::report::deliveries::files;
use testnet::report::schema::Report;
use testnet::report::statistics::MIB;
use testnet::report::tables::layout::{Page, WIDTH};
use testnet::report::{self, Found, Json, tables};
use testnet::sim::runner::batch::Batch;
use testnet::sim::runner::memory::TooLarge;
use testnet::sim::runner::pages::restart_with_large_pages;
use tokio::runtime::Runtime;

const INTERRUPTED: u8 = 130;

/// From this number of nodes on, a simulation takes more memory than the caches of the page table cover.
const LARGE: usize = 1_000;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => run(*arguments),
        Command::Compare(arguments) => compare(*arguments),
        Command::Sim(arguments) => simulate(*arguments),
        Command::Members(arguments) => members(*arguments),
        Command::Aggregates(arguments) => aggregates(&arguments),
        Command::Worker(arguments) => {
            let manners = arguments.manners();
            let WorkerArgs { engine, links, number, node, .. } = *arguments;
            worker::run(engine, links.zip(number), manners, node)
        }
        Command::Replay { dir } => replay(&dir),
        Command::Report(arguments) => show(&arguments),
    };
    result.unwrap_or_else(|error| {
        to_stderr(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(arguments: RunArgs) -> anyhow::Result<ExitCode> {
    let (find_capacity, within, plateau) = (arguments.find_capacity, arguments.within, arguments.plateau);
    let plan = arguments.plan(typed()).unwrap_or_else(|error| usage(&error));
    // One thread: the kernel ends the nodes when the thread that started them ends, and this one lasts.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if find_capacity {
        let (capacity, dir, code) = match runtime.block_on(capacity::find(&plan, within))? {
            capacity::Ended::Found(capacity, dir) => (capacity, dir, ExitCode::SUCCESS),
            capacity::Ended::Interrupted(capacity, dir) => {
                to_stderr("interrupted; nothing is left running");
                (capacity, dir, ExitCode::from(INTERRUPTED))
            }
        };
        print(&Found::Capacity(capacity), plan.json.as_ref());
        to_stderr(&format!("written to {}", dir.display()));
        return Ok(code);
    }
    if let Some(bytes) = plateau {
        return watch(&plan, bytes as f64 / MIB, &runtime);
    }
    match runtime.block_on(testnet::local::run(&plan))? {
        Ended::Reported(report, dir) => {
            print(&Found::One(report), plan.json.as_ref());
            to_stderr(&format!("written to {}", dir.display()));
            Ok(ExitCode::SUCCESS)
        }
        Ended::Interrupted(report) => {
            if let Some(report) = report {
                print(&Found::One(report), plan.json.as_ref());
            }
            to_stderr("interrupted; nothing is left running");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn watch(plan: &Plan, rss_max_mib: f64, runtime: &Runtime) -> anyhow::Result<ExitCode> {
    let (plateau, code) = match runtime.block_on(plateau::watch(plan, rss_max_mib))? {
        plateau::Ended::Reported(plateau, dir) => {
            to_stderr(&format!("written to {}", dir.display()));
            let code = if plateau.reached { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            (Some(plateau), code)
        }
        plateau::Ended::Interrupted(plateau) => {
            to_stderr("interrupted; nothing is left running");
            (plateau, ExitCode::from(INTERRUPTED))
        }
    };
    if let Some(plateau) = plateau {
        print(&Found::Plateau(plateau), plan.json.as_ref());
    }
    Ok(code)
}

fn members(arguments: WatchedArgs) -> anyhow::Result<ExitCode> {
    let watching = arguments.watching(typed()).unwrap_or_else(|error| usage(&error));
    // One thread, for the same reason as in a single run.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (watched, code) = match runtime.block_on(watched::watch(&watching))? {
        watched::Ended::Reported(watched, dir) => {
            to_stderr(&format!("written to {}", dir.display()));
            let code = if watched.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            (Some(watched), code)
        }
        watched::Ended::Interrupted(watched) => {
            to_stderr("interrupted; nothing is left running");
            (watched, ExitCode::from(INTERRUPTED))
        }
    };
    if let Some(watched) = watched {
        print(&Found::Watched(watched), watching.plan.json.as_ref());
    }
    Ok(code)
}

fn compare(arguments: CompareArgs) -> anyhow::Result<ExitCode> {
    let comparison = arguments.comparison(&typed()).unwrap_or_else(|error| usage(&error));
    let json = comparison.json.clone();
    // One thread, for the same reason as in a single run.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (runs, dir, code) = match runtime.block_on(comparison.run())? {
        Compare::Finished(runs, dir) => (runs, dir, ExitCode::SUCCESS),
        Compare::Interrupted(runs, dir) => {
            to_stderr("interrupted; nothing is left running, and the runs that were finished are written");
            (runs, dir, ExitCode::from(INTERRUPTED))
        }
    };
    print(&Found::Several(runs), json.as_ref());
    to_stderr(&format!("written to {}", dir.display()));
    Ok(code)
}

fn simulate(arguments: SimArgs) -> anyhow::Result<ExitCode> {
    let dashboard = arguments.dashboard;
    let batch = match arguments.batch(typed()) {
        // Nothing is wrong with the flags; another machine may have room.
        Err(error) if error.is::<TooLarge>() => return Err(error),
        batch => batch.unwrap_or_else(|error| usage(&error)),
    };
    if batch.largest() >= LARGE {
        restart_with_large_pages();
    }
    let left = stop_at_interrupt()?;
    to_stderr(&announcement(&batch)?);
    let json = batch.json.clone();
    let (found, dir, film) = match dashboard {
        true => batch.run_filmed().map(|(found, dir, film)| (found, dir, Some(film)))?,
        false => batch.run().map(|(found, dir)| (found, dir, None))?,
    };
    print(&found, json.as_ref());
    to_stderr(&format!("written to {}", dir.display()));
    if let Some(film) = film {
        left.store(true, Ordering::Relaxed);
        serve(film)?;
    }
    let violated = |report: &Report| report.sim.as_ref().is_some_and(|sim| sim.violations_found > 0);
    let any = match &found {
        Found::One(report) => violated(report),
        Found::Several(runs) => runs.runs.iter().any(violated),
        Found::Capacity(_) | Found::Plateau(_) | Found::Watched(_) => false,
    };
    Ok(if any { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn replay(dir: &Path) -> anyhow::Result<ExitCode> {
    serve(Film::of_run(dir)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Serves a film until the program is interrupted.
fn serve(film: Film) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let say = |address: &str| to_stderr(&format!("dashboard: {address}\nCtrl-C ends it"));
    runtime.block_on(async {
        let mut interrupt = Interrupt::catch()?;
        let (_end, ended) = tokio::sync::watch::channel(false);
        tokio::select! {
            served = serve_film(film, say, ended) => served,
            () = interrupt.next() => Ok(()),
        }
    })
}

fn aggregates(arguments: &AggregatesArgs) -> anyhow::Result<ExitCode> {
    stop_at_interrupt()?;
    let found = testnet::sim::members::aggregates::run(&arguments.plan(typed()), to_stderr)?;
    if let Some(path) = &arguments.svg {
        report::write_aggregates(path, &found)?;
    }
    if let Some(json) = &arguments.json {
        json.write(&found)?;
    }
    let holds = found.goals().iter().all(|(_, holds)| *holds);
    show_text(arguments.json.as_ref(), |page| tables::aggregates::render(&found, page));
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the seed and all settings of the simulation before anything else, because a person who sees it fail
/// needs them.
fn announcement(batch: &Batch) -> anyhow::Result<String> {
    let Some(first) = batch.jobs.first() else { return Ok(String::new()) };
    let count = batch.jobs.len();
    let seeds = match batch.jobs.last().filter(|last| last.seed != first.seed) {
        Some(last) => format!("seeds {} to {}", first.seed, last.seed),
        None => format!("seed {}", first.seed),
    };
    let swept = batch.sweep.as_ref().map_or(String::new(), |sweep| format!(", sweep of {}", sweep.parameter));
    let scenario = toml::to_string(&first.scenario)?;
    let indented: Vec<String> = scenario.lines().map(|line| format!("  {line}")).collect();
    Ok(format!(
        "{seeds}{swept}, {count} simulations{}\n{}",
        if count == 1 { "" } else { "; the first:" },
        indented.join("\n")
    ))
}

/// Ends the program when a person or the system wants it. Nothing needs to be cleaned up. Once the returned flag is
/// true, it leaves that to others.
fn stop_at_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        Interrupt::catch()?
    };
    let left = Arc::new(AtomicBool::new(false));
    let others = Arc::clone(&left);
    std::thread::spawn(move || {
        runtime.block_on(interrupt.next());
        if others.load(Ordering::Relaxed) {
            return;
        }
        to_stderr("interrupted; no report was written");
        std::process::exit(i32::from(INTERRUPTED));
    });
    Ok(left)
}

fn show(arguments: &ReportArgs) -> anyhow::Result<ExitCode> {
    let ReportArgs { dir, json, tree, ndjson } = arguments;
    let (dir, json) = (dir.as_path(), json.as_ref());
    if *ndjson {
        for name in files::write_ndjson(dir)? {
            to_stderr(&format!("wrote {}", dir.join(name).display()));
        }
    }
    if let Some(wanted) = tree {
        let tree = tables::tree::render(dir, wanted, page(&std::io::stdout()))?;
        show_text(None, |_| tree.clone());
        return Ok(ExitCode::SUCCESS);
    }
    let found = report::read(dir)?;
    if let Some(json) = json {
        json.write(&found)?;
    }
    print(&found, json);
    show_curve(&found, dir, json)?;
    let redrawn = match &found {
        Found::One(report) => {
            let redrawn = report::redraw_missing(dir, report)?;
            report::write_page(dir, report)?;
            to_stderr(&format!("wrote {} again", dir.join(report::PAGE_FILE).display()));
            redrawn
        }
        Found::Several(runs) => {
            report::page::write_runs(dir, runs)?;
            report::redraw_missing_of_runs(dir, runs)?
        }
        Found::Plateau(plateau) => report::redraw_missing_of_plateau(dir, plateau)?,
        Found::Watched(watched) => report::redraw_missing_of_watched(dir, watched)?,
        Found::Capacity(_) => Vec::new(),
    };
    for name in redrawn {
        to_stderr(&format!("drew {} again", dir.join(name).display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the curve of a run, if its deliveries are there.
fn show_curve(found: &Found, dir: &Path, json: Option<&Json>) -> anyhow::Result<()> {
    if let Found::One(report) = found
        && dir.join(report::DELIVERIES_FILE).exists()
    {
        let spreads = report::spreads(dir)?;
        show_text(json, |page| tables::curve::render(report, &spreads, page));
    }
    Ok(())
}

/// Shows tables on standard output. If a program reads the report there, shows them on standard error.
fn print(found: &Found, json: Option<&Json>) {
    show_text(json, |page| text(found, page));
}

/// The same of what `text` makes of a page.
fn show_text(json: Option<&Json>, text: impl Fn(Page) -> String) {
    if json == Some(&Json::Stdout) {
        return to_stderr(&text(page(&std::io::stderr())));
    }
    let mut stdout = std::io::stdout();
    let text = text(page(&stdout));
    // A reader that has gone away wants no more output.
    let _ = writeln!(stdout, "{text}");
}

fn text(found: &Found, page: Page) -> String {
    match found {
        Found::One(report) => tables::render(report, page),
        Found::Several(runs) => tables::render_runs(runs, page),
        Found::Capacity(found) => tables::capacity::render(found, page),
        Found::Plateau(found) => tables::plateau::render(found, page),
        Found::Watched(found) => tables::watched::render(found, page),
    }
}

/// The width of the terminal; without a terminal, 80 columns.
fn page(to: &impl std::io::IsTerminal) -> Page {
    if !to.is_terminal() {
        return Page::PLAIN;
    }
    let columns = comfy_table::Table::new().width().map_or(WIDTH, usize::from);
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Page { width: columns.max(WIDTH), color }
}

/// The command line as it was typed.
fn typed() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    format!("testnet {}", words.join(" "))
}

/// Ends the program with the exit status for wrong usage.
fn usage(error: &anyhow::Error) -> ! {
    Cli::command().error(clap::error::ErrorKind::ValueValidation, format!("{error:#}")).exit()
}
