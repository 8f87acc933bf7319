//! Where the settings of a run come from: a flag wins over its environment variable, that over the file, and that over
//! the default. clap does the first and the last; the values of the file become defaults before it reads the words.
//!
//! The file is the one of `--config`, or `node.toml` in the data dir, if it is there. All that is wrong with it is told
//! at once, with its lines. Then nothing is started.
//!
//! Deliberately absent: secrets. No setting is one, wherever it stands: a key is named by its file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};
use protocol::items::network::NetworkId;

pub mod effective;
mod given;
pub mod init;
pub mod show;
pub mod table;

use self::effective::Effective;
use self::given::Given;
use crate::config::data_dir;
use crate::config::file::{self, CONFIG_FILE, Problem};
use crate::config::memory::Memory;

/// Commands that have the settings of a run, beside the one without a name.
const WITH_SETTINGS: [&str; 4] = ["run", "config", "init", "doctor"];
/// Of these, the one that makes the file.
const MAKES_FILE: &str = "init";

/// Two settings of which at most one can be given.
const EITHER: [&str; 2] = ["producers", "open_producers"];

/// A file that was found.
struct Found {
    path: PathBuf,
    /// The data dir in which it was found, if nobody named the file.
    dir: Option<PathBuf>,
}

/// Reads words with everything that stands behind them.
///
/// # Errors
/// A usage error, or what is wrong with the file.
pub(super) fn read(command: Command, words: &[OsString]) -> Result<(ArgMatches, Effective), clap::Error> {
    let command = with_values_of_switches(command, words);
    let matches = command.clone().try_get_matches_from(words)?;
    let Some((name, args)) = settings_of(&matches) else { return Ok((matches, Effective::default())) };
    let name = name.map(str::to_owned);
    let usage = |message: String| command.clone().error(ErrorKind::ValueValidation, message);
    let found = if name.as_deref() == Some(MAKES_FILE) { None } else { find(args) };
    let mut given = match &found {
        None => Vec::new(),
        Some(found) => {
            let text = file::read(&found.path).map_err(|error| usage(error.to_string()))?;
            given::read(&text, found.dir.is_none()).map_err(|problems| usage(told(&found.path, &problems)))?
        }
    };
    given.retain(|given| !is_superseded(args, given));
    let command = with_defaults(command, name.as_deref(), &given, found.as_ref());
    let matches = command.clone().try_get_matches_from(words)?;
    let memory = settings_of(&matches).and_then(|(_, args)| args.get_one::<Memory>("memory").copied());
    let command = with_memory(command, name.as_deref(), memory.unwrap_or_default(), &given);
    let matches = command.try_get_matches_from(words)?;
    let effective = settings_of(&matches)
        .map_or_else(Effective::default, |(_, args)| Effective::read(args, found.map(|found| found.path), &given));
    Ok((matches, effective))
}

/// Everything that is wrong with a file, one line for each.
///
/// # Errors
/// If it can't be read.
pub fn check(path: &Path) -> Result<Vec<String>, file::FileError> {
    let text = file::read(path)?;
    Ok(given::read(&text, true).err().unwrap_or_default().iter().map(|problem| line(path, problem)).collect())
}

fn told(path: &Path, problems: &[Problem]) -> String {
    problems.iter().map(|problem| line(path, problem)).collect::<Vec<_>>().join("\n")
}

fn line(path: &Path, Problem { line, message }: &Problem) -> String {
    match line {
        Some(line) => format!("{}:{line}: {message}", path.display()),
        None => format!("{}: {message}", path.display()),
    }
}

/// The name of the command that has settings of a run, and these; `None` for every other command.
fn settings_of(matches: &ArgMatches) -> Option<(Option<&str>, &ArgMatches)> {
    match matches.subcommand() {
        None => Some((None, matches)),
        Some((name, args)) if WITH_SETTINGS.contains(&name) && args.subcommand().is_none() => {
            Some((Some(name), args))
        }
        Some(_) => None,
    }
}

/// The file to read. A node that keeps nothing, in no directory, has no file unless one is named.
fn find(args: &ArgMatches) -> Option<Found> {
    if let Some(path) = args.get_one::<PathBuf>(table::CONFIG) {
        return Some(Found { path: path.clone(), dir: None });
    }
    let dir = match args.get_one::<PathBuf>("data_dir") {
        Some(dir) => dir.clone(),
        None if args.get_flag("ephemeral") => return None,
        None => data_dir::default_path(args.get_one::<NetworkId>("network")?).ok()?,
    };
    let path = dir.join(CONFIG_FILE);
    path.exists().then_some(Found { path, dir: Some(dir) })
}

/// Whether the file's setting is one of two of which a flag or a variable has given the other.
fn is_superseded(args: &ArgMatches, given: &Given) -> bool {
    let is_given =
        |id: &str| matches!(args.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    let id = given.setting.id.as_str();
    EITHER.contains(&id) && EITHER.iter().any(|other| *other != id && is_given(other))
}

/// The command with what the file says in place of the defaults, and the file and its place as defaults of theirs.
fn with_defaults(mut command: Command, name: Option<&str>, given: &[Given], found: Option<&Found>) -> Command {
    for Given { setting, values, .. } in given {
        command = on(command, name, &setting.id, values.clone());
    }
    let place = found.and_then(|found| found.dir.as_ref()).map(|dir| ("data_dir", dir));
    let file = found.map(|found| (table::CONFIG, &found.path));
    for (id, path) in place.into_iter().chain(file) {
        // A path that is no text is read all the same. The node then looks for its place by itself.
        if let Some(path) = path.to_str() {
            command = on(command, name, id, vec![path.to_owned()]);
        }
    }
    command
}

/// The command with the numbers that go with an amount of memory as defaults, unless the file gives them. The usual
/// amount's are there already, and its number of members is the preset's.
fn with_memory(command: Command, name: Option<&str>, memory: Memory, given: &[Given]) -> Command {
    if memory == Memory::default() {
        return command;
    }
    let sizes = memory.sizes();
    let numbers = [("max_peers_in", sizes.peers_in.to_string()), ("members_max", sizes.members.to_string())];
    let free = |id: &str| !given.iter().any(|given| given.setting.id == id);
    numbers
        .into_iter()
        .filter(|(id, _)| free(id))
        .fold(command, |command, (id, number)| on(command, name, id, vec![number]))
}

/// The command with other defaults of one argument of the command below it, or of its own.
fn on(command: Command, name: Option<&str>, id: &str, values: Vec<String>) -> Command {
    match name {
        Some(name) => command.mut_subcommand(name, |below| below.mut_arg(id, |arg| arg.default_values(values))),
        None => command.mut_arg(id, |arg| arg.default_values(values)),
    }
}

/// A flag without a value, such as `--no-rpc`, takes one if it is written behind it: `--no-rpc=false` wins over the
/// file. Only then its definition changes, so that the help stays short.
fn with_values_of_switches(command: Command, words: &[OsString]) -> Command {
    let typed: Vec<&str> = words
        .iter()
        .filter_map(|word| word.to_str()?.strip_prefix("--")?.split_once('=').map(|(name, _)| name))
        .collect();
    let with_value = |arg: clap::Arg| {
        let is_typed = arg.get_long().is_some_and(|long| typed.contains(&long));
        if !is_typed || !matches!(arg.get_action(), ArgAction::SetTrue) {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
    };
    let command = command.mut_args(with_value);
    WITH_SETTINGS
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |below| below.mut_args(with_value)))
}
