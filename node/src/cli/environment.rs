//! The variables `NODE_*`: which exist, which are set and mean nothing, and which look like a misspelled one.
//!
//! Deliberately absent: their values, which must not appear in a log.

use std::ffi::OsString;

use clap::Command;

/// Variables of Node.js, and of other programs that name machines, which happen to begin like ours.
const FOREIGN: [&str; 32] = [
    "NODE_ARGS",
    "NODE_AUTH_TOKEN",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_COMPILE_CACHE",
    "NODE_COMPILE_CACHE_PORTABLE",
    "NODE_CONFIG",
    "NODE_CONFIG_DIR",
    "NODE_DEBUG",
    "NODE_DEBUG_NATIVE",
    "NODE_DISABLE_COLORS",
    "NODE_DISABLE_COMPILE_CACHE",
    "NODE_ENV",
    "NODE_EXTRA_CA_CERTS",
    "NODE_HOME",
    "NODE_ICU_DATA",
    "NODE_INSPECT_RESUME_ON_START",
    "NODE_IP",
    "NODE_MODULES",
    "NODE_NAME",
    "NODE_NO_WARNINGS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_PENDING_DEPRECATION",
    "NODE_PRESERVE_SYMLINKS",
    "NODE_PRESERVE_SYMLINKS_MAIN",
    "NODE_REDIRECT_WARNINGS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_USE_ENV_PROXY",
    "NODE_USE_SYSTEM_CA",
    "NODE_V8_COVERAGE",
    "NODE_VERSION",
];

/// Prefixes of other such variables, of which there are many.
const FOREIGN_STARTS: [&str; 3] = ["NODE_REPL_", "NODE_TEST_", "NODE_EXPORTER_"];

/// The most letters by which a misspelled name differs, however long it is.
const UNLIKE_MAX: usize = 4;
/// One wrong letter is allowed for this many letters behind `NODE_`: in a name of three letters two wrong
/// ones make another word.
const LETTERS_FOR_EACH: usize = 3;

/// Strange variables that are named; more are only counted.
const NAMED_MAX: usize = 5;

/// A variable with an empty value counts as unset, for every setting.
#[must_use]
pub(super) fn without_empty(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let empty = arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if empty { arg.env(None::<&str>) } else { arg }
    });
    command.mut_subcommands(without_empty)
}

/// A warning line for each variable that is set and begins like a setting, but is none.
#[must_use]
pub(super) fn strange(command: &Command, set: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let mut known = Vec::new();
    collect(command, &mut known);
    let mut strange: Vec<String> = set
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("NODE_") && !known.contains(name) && !is_foreign(name))
        .collect();
    strange.sort_unstable();
    let more = strange.len().saturating_sub(NAMED_MAX);
    strange.truncate(NAMED_MAX);
    let mut lines: Vec<_> = strange.iter().map(|name| line(name, &known)).collect();
    if more > 0 {
        lines.push(format!("and {more} more variables NODE_* are no settings of this program"));
    }
    lines
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.contains(&name) || FOREIGN_STARTS.iter().any(|start| name.starts_with(start))
}

fn collect(command: &Command, known: &mut Vec<String>) {
    let names = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned));
    known.extend(names);
    command.get_subcommands().for_each(|below| collect(below, known));
}

fn line(name: &str, known: &[String]) -> String {
    // A name comes from outside, and may be as long as the system allows.
    let shown: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(64).collect();
    let hint = match nearest(name, known, '_', name.len().saturating_sub("NODE_".len())) {
        Some(nearest) => format!("the nearest is {nearest}"),
        None => "`node --help` has them all".to_owned(),
    };
    format!("the variable {shown} is no setting of this program, and does nothing: {hint}")
}

/// The known name that was most likely meant. `letters` is the number of those in which a mistake counts, and
/// `between` is what stands between two words of a name.
pub(super) fn nearest<'a>(name: &str, known: &'a [String], between: char, letters: usize) -> Option<&'a String> {
    let most = (letters / LETTERS_FOR_EACH).clamp(1, UNLIKE_MAX);
    let nearest = known.iter().map(|other| (unlikeness(name, other, between), other)).min();
    nearest.filter(|(unlike, _)| *unlike <= most).map(|(_, nearest)| nearest)
}

/// How unlike two names are. If one only lacks words at its end, or has more there, the two are nearly alike.
fn unlikeness(name: &str, other: &str, between: char) -> usize {
    let longer_by_words =
        |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with(between));
    if longer_by_words(name, other) || longer_by_words(other, name) { 1 } else { distance(name, other) }
}

/// The number of letters to insert, remove or change to turn one word into the other (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Longer names than this resemble none of ours.
    for (line, from) in a.chars().take(64).enumerate() {
        let mut before = line;
        let mut left = line + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let changed = before + usize::from(from != *to);
            before = *cell;
            left = changed.min(before + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
