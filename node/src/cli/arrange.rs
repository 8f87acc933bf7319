//! Flags before a command: `node --data-dir X status` means `node status --data-dir X`. The words are put in that
//! order before they are read, so that each flag is still defined once, where it belongs.
//!
//! A flag of a run before another command (`node --bootstrap ADDR status`) is a usage error that says where it
//! goes. Deliberately absent: what flags mean, and complaints about words that are no flags. clap does both.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};

/// A flag that was typed before the last word of the command, and its value, if that is a separate word.
#[derive(Clone)]
struct Flag {
    name: String,
    words: Vec<OsString>,
}

/// Moves the flags that come before a command behind it.
///
/// # Errors
/// A usage error if the command doesn't have such a flag.
pub(super) fn arrange(command: &Command, words: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let mut words = words.into_iter();
    let Some(program) = words.next() else { return Ok(Vec::new()) };
    let rest: Vec<OsString> = words.collect();
    let Some((path, flags, behind)) = split(command, &rest) else {
        return Ok(std::iter::once(program).chain(rest).collect());
    };
    let target = path.iter().fold(command, |at, name| at.find_subcommand(name).unwrap_or(at));
    if let Some(flag) = flags.iter().find(|flag| find(target, &flag.name).is_none()) {
        return Err(misplaced(command, target, &path, &flag.name));
    }
    let flags = flags.into_iter().flat_map(|flag| flag.words);
    Ok(std::iter::once(program).chain(path).chain(flags).chain(behind.iter().cloned()).collect())
}

/// The words of the command, the flags before its last one, and the words behind it. `None` if nothing has to be
/// put in order, or nothing can be.
fn split<'a>(command: &Command, words: &'a [OsString]) -> Option<(Vec<OsString>, Vec<Flag>, &'a [OsString])> {
    let (mut path, mut flags) = (Vec::new(), Vec::new());
    let mut at = command;
    let mut rest = words;
    // The same if the last command stands alone, like `node peers`, which also has commands below it.
    let mut alone = None;
    while at.has_subcommands() {
        if !path.is_empty() && !at.is_subcommand_required_set() {
            alone = Some((path.clone(), flags.clone(), rest));
        }
        let Some((word, behind)) = rest.split_first() else { break };
        if let Some(below) = at.find_subcommand(word) {
            path.push(word.clone());
            (at, rest, alone) = (below, behind, None);
            continue;
        }
        let Some((flag, behind)) = flag(command, word, behind) else { break };
        flags.push(flag);
        rest = behind;
    }
    if at.has_subcommands() {
        (path, flags, rest) = alone?;
    }
    (!flags.is_empty()).then_some((path, flags, rest))
}

/// The flag that begins with this word, and the words behind it; `None` if it is no flag, or its value is missing.
fn flag<'a>(command: &Command, word: &OsString, behind: &'a [OsString]) -> Option<(Flag, &'a [OsString])> {
    let text = word.to_str()?.strip_prefix("--").filter(|text| !text.is_empty())?;
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let mut flag = Flag { name: name.to_owned(), words: vec![word.clone()] };
    if value.is_some() || !takes_value(anywhere(command, name)?) {
        return Some((flag, behind));
    }
    let (value, behind) = behind.split_first()?;
    flag.words.push(value.clone());
    Some((flag, behind))
}

/// The flag of that name, of this command or of one below it.
fn anywhere<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    find(command, name).or_else(|| command.get_subcommands().find_map(|below| anywhere(below, name)))
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let is_named = |arg: &&Arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|others| others.contains(&name))
    };
    command.get_arguments().find(is_named)
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn misplaced(command: &Command, target: &Command, path: &[OsString], name: &str) -> clap::Error {
    let path: Vec<_> = path.iter().map(|word| OsStr::to_string_lossy(word)).collect();
    let typed = path.join(" ");
    let has: Vec<_> = target.get_arguments().filter_map(Arg::get_long).filter(|long| *long != "help").collect();
    let has = has.iter().map(|long| format!("--{long}")).collect::<Vec<_>>().join(", ");
    let whose = if find(command, name).is_some() {
        format!("--{name} is a setting of a run, as in `node run --{name} …`")
    } else {
        format!("--{name} belongs to another command")
    };
    let message = format!("{whose}, and `node {typed}` has no such flag. It has {has}");
    command.clone().error(ErrorKind::ArgumentConflict, message)
}
