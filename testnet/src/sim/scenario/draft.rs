//! A scenario in the making: a file, and single keys by name that override it, each checked at once.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Scenario, keys};
use crate::topology::Topology;

/// A scenario in the making.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    table: Table,
}

/// Why there is no such scenario. Nothing has run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("cannot read the scenario {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: std::io::Error,
    },
    /// The file contains an impossible value.
    #[error("{}:{line}: {key}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, or the line if it has no key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// No key has this name.
    #[error("a scenario has no {0}: the keys are {all}", all = keys::all().join(", "))]
    NoSuchKey(String),
    /// Several keys have this name.
    #[error("{name} can mean {}: give one of these", candidates.join(" or "))]
    Ambiguous {
        /// The name as given.
        name: String,
        /// The possible meanings.
        candidates: Vec<String>,
    },
    /// The value of a key is impossible.
    #[error("{key} = {value}: {why}")]
    Value {
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What is wrong.
        why: String,
    },
}

/// Names that stand for a part of another key's value.
const DEGREE_KEY: &str = "degree";
const RUMOR_SETTINGS: [&str; 3] = ["fanout", "round", "feedback"];

impl Draft {
    /// Reads a scenario's file.
    ///
    /// # Errors
    /// Names file, line and key.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ScenarioError::Io { path: path.to_owned(), error })?;
        let table = text.parse::<Table>().and_then(|table| toml::from_str::<Scenario>(&text).map(|_| table));
        table.map(|table| Self { table }).map_err(|error| {
            let (line, key) = place(&text, error.span().map_or(0, |span| span.start));
            ScenarioError::File { path: path.to_owned(), line, key, why: error.message().to_owned() }
        })
    }

    /// Sets a key: by its dotted path, or by its last part alone if no other key has it. `degree` sets the
    /// topology `regular:N`, and `fanout`, `round` and `feedback` set the relay policy's.
    ///
    /// # Errors
    /// Names the key, and says what is wrong with it or with the value. The draft stays as it was.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ScenarioError> {
        let name = name.replace('-', "_");
        let wrong = |why: String| ScenarioError::Value { key: name.clone(), value: value.to_owned(), why };
        if name == DEGREE_KEY {
            let degree = value.parse().map_err(|_| wrong("a number of neighbours is wanted".to_owned()))?;
            return self.put("topology", &Topology::Regular(degree).to_string());
        }
        if RUMOR_SETTINGS.contains(&name.as_str()) {
            let relay = self.finish()?.relay;
            let relay = with_setting(&relay, &name, value)
                .ok_or_else(|| wrong(format!("that is for rumor, and the relay policy is {relay}")))?;
            return self.put("relay", &relay);
        }
        let key = Self::resolve(&name)?;
        self.put(&key, value)
    }

    /// The scenario as it is now.
    ///
    /// # Errors
    /// Never after [`Draft::read`] and [`Draft::set`], because they accept only values that can be read.
    pub fn finish(&self) -> Result<Scenario, ScenarioError> {
        read_back(&self.table).map_err(|why| ScenarioError::Value {
            key: "scenario".to_owned(),
            value: "as a whole".to_owned(),
            why,
        })
    }

    /// The dotted path of the key that a name means.
    ///
    /// # Errors
    /// If no key has this name, or more than one.
    fn resolve(name: &str) -> Result<String, ScenarioError> {
        let keys = keys::all();
        if name.contains('.') || keys.iter().any(|key| key == name) {
            return Ok(name.to_owned());
        }
        let mut candidates: Vec<String> =
            keys.into_iter().filter(|key| key.rsplit('.').next() == Some(name)).collect();
        match (candidates.pop(), candidates.is_empty()) {
            (Some(key), true) => Ok(key),
            (Some(key), false) => {
                candidates.push(key);
                Err(ScenarioError::Ambiguous { name: name.to_owned(), candidates })
            }
            (None, _) => Err(ScenarioError::NoSuchKey(name.to_owned())),
        }
    }

    /// Sets a value: as a number or a word first, and as text if that is impossible.
    fn put(&mut self, key: &str, value: &str) -> Result<(), ScenarioError> {
        let text = Value::String(value.to_owned());
        let typed = typed(value).unwrap_or_else(|| text.clone());
        let Err(why) = self.try_put(key, typed) else { return Ok(()) };
        let Err(why_not_text) = self.try_put(key, text) else { return Ok(()) };
        let why = if why_not_text.contains("invalid type: string") { why } else { why_not_text };
        Err(ScenarioError::Value { key: key.to_owned(), value: value.to_owned(), why })
    }

    fn try_put(&mut self, key: &str, value: Value) -> Result<(), String> {
        let mut table = self.table.clone();
        // A load has a duration or a number of transactions. The last one set counts.
        for (this, other) in [("duration", "txs"), ("txs", "duration")] {
            if let Some(Value::Table(workload)) =
                table.get_mut("workload").filter(|_| key == format!("workload.{this}"))
            {
                workload.remove(other);
            }
        }
        let mut path: Vec<&str> = key.split('.').collect();
        let Some(last) = path.pop() else { return Ok(()) };
        let mut place = &mut table;
        for part in path {
            let next = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
            place = next.as_table_mut().ok_or_else(|| format!("{part} is no table"))?;
        }
        place.insert(last.to_owned(), value);
        read_back(&table)?;
        self.table = table;
        Ok(())
    }
}

fn read_back(table: &Table) -> Result<Scenario, String> {
    Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

fn typed(value: &str) -> Option<Value> {
    let number = value.parse().map(Value::Integer).or_else(|_| value.parse().map(Value::Float));
    number.ok().or_else(|| value.parse().ok().map(Value::Boolean))
}

/// The relay policy with one setting of rumor replaced; `None` if it is another policy.
fn with_setting(relay: &str, name: &str, value: &str) -> Option<String> {
    let settings = relay.strip_prefix("rumor")?;
    let others = settings
        .trim_start_matches(':')
        .split(',')
        .filter(|setting| !setting.is_empty() && setting.split('=').next() != Some(name));
    let all: Vec<String> = others.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    Some(format!("rumor:{}", all.join(",")))
}

/// The line of a place in a text, counted from 1, and the key in it.
fn place(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count();
    let content = text.lines().nth(line).unwrap_or_default();
    (line + 1, content.split('=').next().unwrap_or_default().trim().to_owned())
}
