//! `node config`: the settings that are in effect, each with its origin. `node config check`: what is wrong with a file.
//!
//! Deliberately absent: secrets, because no setting is one; and the bounds themselves, which the caller has.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use serde_json::json;

use super::effective::{Effective, InEffect, Origin};
use super::table::Kind;
use crate::cli::RunArgs;
use crate::cli::client::bounds::{Row, scaled_sum, sum};
use crate::cli::client::columns::{Column, render, total};
use crate::cli::client::{AskError, print, print_json, text};
use crate::config::memory::Memory;
use crate::observe::logging::to_stderr;
use crate::observe::units::{bytes_text, grouped};

/// The shortest width of a value in the table, when there is little room.
const VALUE_WIDTH_LEAST: usize = 24;

/// The exit code if a file has mistakes: that of usage errors.
const WRONG: u8 = 2;

/// `node config`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConfigArgs {
    /// `check`, to look for mistakes in a file. Without it, the settings are printed.
    #[command(subcommand)]
    pub command: Option<ConfigCommand>,

    /// Print JSON
    #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,

    /// The settings, as for a run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `node config …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Look for all mistakes in a file of settings; the exit status is 2 if there are any.
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `node config`. `rows` are the bounds of a node with these settings.
///
/// # Errors
/// If standard output can't be written.
pub fn show(json: bool, effective: &Effective, memory: Memory, rows: &[Row]) -> Result<ExitCode, AskError> {
    if json {
        let settings: Vec<_> = effective.settings.iter().map(|shown| as_json(shown, effective)).collect();
        let bytes = json!({ "scaled_bytes": scaled_sum(rows), "bounds_bytes": sum(rows) });
        print_json(&json!({ "file": effective.file, "settings": settings, "memory": bytes }))?;
    } else {
        print(&format!("{}\n\n{}", table(effective, text::width()), about_memory(memory, rows)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node config check`.
///
/// # Errors
/// If the file can't be read, or standard output can't be written.
pub fn check(file: &std::path::Path) -> Result<ExitCode, AskError> {
    let mistakes = super::check(file).map_err(io::Error::other)?;
    if mistakes.is_empty() {
        print(&format!("{}: no mistakes", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    for mistake in &mistakes {
        to_stderr(mistake);
    }
    Ok(ExitCode::from(WRONG))
}

/// The settings as a table of this width.
#[must_use]
pub fn table(effective: &Effective, width: usize) -> String {
    let rows = &effective.settings;
    let mut columns = [
        Column::new("SETTING", rows, |shown| shown.setting.key.clone()),
        Column::new("VALUE", rows, |shown| match shown.values.join(", ") {
            none if none.is_empty() => "-".to_owned(),
            value => text::plain(&value),
        }),
        Column::new("ORIGIN", rows, |shown| origin(shown, effective)),
    ];
    let over = total(&columns).saturating_sub(width);
    if let Some(values) = columns.get_mut(1).filter(|_| over > 0) {
        values.cut(values.width().saturating_sub(over).max(VALUE_WIDTH_LEAST));
    }
    render(&columns)
}

/// What an amount of memory holds, and what it comes to.
fn about_memory(memory: Memory, rows: &[Row]) -> String {
    let sizes = memory.sizes();
    let [mempool, blocks, pages, scaled, all] =
        [sizes.mempool_bytes, sizes.body_bytes, sizes.cache_bytes, scaled_sum(rows), sum(rows)]
            .map(|bytes| bytes_text(bytes as u64));
    let [confirmed, accepted] = [sizes.confirmed, sizes.accepted].map(|count| grouped(count as u64));
    format!(
        "memory {memory} holds a mempool of {mempool}, {blocks} of blocks, {confirmed} confirmed transactions, {accepted} accepted \
         ids and {pages} of the store's pages.\n\
         Everything that it sets comes to {scaled} if all is full. All bounds at once, with every peer hostile, come to {all} \
         (`node bounds`)."
    )
}

/// Where a value comes from, in words.
fn origin(shown: &InEffect, effective: &Effective) -> String {
    match &shown.origin {
        Origin::Flag => format!("--{}", shown.setting.key),
        Origin::Environment(name) => name.clone(),
        Origin::File(line) => match &effective.file {
            Some(file) => format!("{}:{line}", file.display()),
            None => format!("line {line}"),
        },
        Origin::Preset(which) => which.clone(),
        Origin::Default => "default".to_owned(),
    }
}

fn as_json(shown: &InEffect, effective: &Effective) -> serde_json::Value {
    let one = |value: &String| match shown.setting.kind {
        Kind::Switch => json!(value == "true"),
        Kind::Whole | Kind::Number => {
            value.parse::<serde_json::Number>().map_or_else(|_| json!(value), serde_json::Value::Number)
        }
        Kind::Text => json!(value),
    };
    let value = if shown.setting.is_list {
        shown.values.iter().map(one).collect()
    } else {
        shown.values.first().map_or(serde_json::Value::Null, one)
    };
    let kind = match &shown.origin {
        Origin::Flag => "flag",
        Origin::Environment(_) => "environment",
        Origin::File(_) => "file",
        Origin::Preset(_) => "preset",
        Origin::Default => "default",
    };
    json!({ "key": shown.setting.key, "value": value, "origin": kind, "from": origin(shown, effective) })
}
