//! What a file gives: each of its entries is a setting, of its type, with a value that its flag would take as well.
//!
//! All mistakes are collected. Deliberately absent: the value of a key that is no setting. It may be a secret that is in
//! the wrong place.

use clap::FromArgMatches as _;
use clap::error::{ContextKind, ErrorKind};

use super::table::{CONFIG, DATA_DIR, Kind, Setting, flags, settings};
use crate::cli::{RunArgs, environment};
use crate::config::file::{Entry, Problem, Value, parse};

/// A setting that a file gives.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) setting: Setting,
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

/// Reads a text. `is_named` tells that the file was named, and not found in the data dir.
pub(super) fn read(text: &str, is_named: bool) -> Result<Vec<Given>, Vec<Problem>> {
    let known = settings();
    let (entries, mut problems) = parse(text);
    let mut all = Vec::new();
    for entry in &entries {
        match one(entry, &known, is_named) {
            Ok(given) => all.push(given),
            Err(message) => problems.push(Problem { line: Some(entry.line), message }),
        }
    }
    // Together they are looked at only if each is right by itself.
    if problems.is_empty() {
        problems.extend(contradiction(&all));
    }
    problems.sort();
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn one(entry: &Entry, known: &[Setting], is_named: bool) -> Result<Given, String> {
    let Entry { key, line, value } = entry;
    let setting = known.iter().find(|setting| setting.key == *key).ok_or_else(|| unknown(key, value, known))?;
    if key == DATA_DIR && !is_named {
        return Err("the file in the data dir can't say where the data dir is: leave it out".to_owned());
    }
    let values = texts(setting, value)?;
    for value in values.iter().filter(|_| setting.kind != Kind::Switch) {
        let words = ["node".to_owned(), format!("--{key}={value}")];
        if let Err(error) = flags().try_get_matches_from(words) {
            return Err(format!("{key} = {}: {}", setting.spelled(std::slice::from_ref(value)), reason(&error)));
        }
    }
    Ok(Given { setting: setting.clone(), values, line: *line })
}

fn unknown(key: &str, value: &Value, known: &[Setting]) -> String {
    // A key may be as long as the file.
    let shown: String = key.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(64).collect();
    if key == CONFIG {
        return "a file names no other file: leave config out".to_owned();
    }
    if matches!(value, Value::Other("a table")) {
        return format!(
            "{shown} is a table, and there are none: every setting stands by itself, as in `max-peers-in = 10`"
        );
    }
    let keys: Vec<String> = known.iter().map(|setting| setting.key.clone()).collect();
    match environment::nearest(key, &keys, '-', key.len()) {
        Some(nearest) => format!("{shown} is no setting: the nearest is {nearest}"),
        None => format!("{shown} is no setting: `node config` lists them all"),
    }
}

/// The values as a flag would have them.
fn texts(setting: &Setting, value: &Value) -> Result<Vec<String>, String> {
    let values = match value {
        Value::List(values) if setting.is_list => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    values.iter().map(|value| text(setting, value).ok_or_else(|| wrong_type(setting, value))).collect()
}

fn text(setting: &Setting, value: &Value) -> Option<String> {
    match (setting.kind, value) {
        (Kind::Switch, Value::Switch(on)) => Some(on.to_string()),
        (Kind::Whole | Kind::Number, Value::Whole(number)) | (Kind::Number, Value::Broken(number)) => {
            Some(number.clone())
        }
        (Kind::Text, Value::Text(text)) => Some(text.clone()),
        (Kind::Text, Value::Whole(number)) if setting.unit.starts_with("bytes") => Some(number.clone()),
        _ => None,
    }
}

fn wrong_type(setting: &Setting, value: &Value) -> String {
    let is = match value {
        Value::Switch(_) => "true or false",
        Value::Whole(_) => "a whole number",
        Value::Broken(_) => "a number with a point",
        Value::Text(_) => "a text in quotes",
        Value::List(_) => "a list",
        Value::Other(what) => what,
    };
    let wanted = match setting.kind {
        Kind::Switch => "true or false, without quotes",
        Kind::Whole => "a whole number, without quotes",
        Kind::Number => "a number, without quotes",
        Kind::Text if setting.is_list => "texts in quotes, in brackets",
        Kind::Text => "a text in quotes",
    };
    let (key, unit) = (&setting.key, &setting.unit);
    format!("{key} is {is}, and takes {wanted}: {key} = {}  ({unit})", setting.spelled(&setting.shown_values()))
}

/// What is wrong with settings that are right by themselves.
fn contradiction(all: &[Given]) -> Option<Problem> {
    let is_on = |id: &str| {
        all.iter()
            .find(|given| given.setting.id == id && given.values.first().is_some_and(|value| value != "false"))
    };
    if let (Some(_), Some(open)) = (is_on("producers"), is_on("open_producers")) {
        let message = "producers and open-producers contradict each other: leave one of them out".to_owned();
        return Some(Problem { line: Some(open.line), message });
    }
    let command = all.iter().fold(flags(), |command, Given { setting, values, .. }| {
        command.mut_arg(&setting.id, |arg| arg.default_values(values.clone()))
    });
    let checked = command
        .try_get_matches_from(["node"])
        .and_then(|matches| RunArgs::from_arg_matches(&matches))
        .and_then(|args| args.check());
    checked.err().map(|error| Problem { line: None, message: reason(&error) })
}

/// What an error says about a value, without the flag and the help around it.
fn reason(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    if error.kind() == ErrorKind::InvalidValue
        && let Some(choices) = error.get(ContextKind::ValidValue)
    {
        return format!("it is one of {choices}");
    }
    let text = error.to_string();
    let first = text.strip_prefix("error: ").unwrap_or(&text).split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}
