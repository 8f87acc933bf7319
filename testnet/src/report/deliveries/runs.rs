//! Several runs as a table for programs: one row for each run of a sweep, of several seeds or of a comparison, with what
//! was varied and the headline figures. A figure that doesn't exist is empty.

use std::io::{self, Write};

use super::columns::{Column, Type};
use crate::report::schema::{Propagation, Report, Runs};

/// The file name of the table.
pub const RUNS_TABLE_FILE: &str = "sweep.csv";

/// The columns.
pub const RUN_COLUMNS: [Column; 30] = [
    ("parameter", Type::Text),
    ("value", Type::Text),
    ("seed", Type::Integer),
    ("engine", Type::Text),
    ("relay", Type::Text),
    ("nodes", Type::Integer),
    ("topology", Type::Text),
    ("wan", Type::Text),
    ("valid", Type::Flag),
    ("starved", Type::Flag),
    ("tx_coverage", Type::Number),
    ("tx_p50_ms", Type::Milliseconds),
    ("tx_p95_ms", Type::Milliseconds),
    ("tx_p99_ms", Type::Milliseconds),
    ("tx_to_all_p95_ms", Type::Milliseconds),
    ("tx_stretch_p95", Type::Number),
    ("tx_redundancy", Type::Number),
    ("block_coverage", Type::Number),
    ("block_p50_ms", Type::Milliseconds),
    ("block_p95_ms", Type::Milliseconds),
    ("block_p99_ms", Type::Milliseconds),
    ("block_to_all_p95_ms", Type::Milliseconds),
    ("wire_bytes_per_delivery", Type::Number),
    ("wire_ratio", Type::Number),
    ("cpu_us_per_delivery", Type::Number),
    ("rss_max_mib", Type::Number),
    ("rounds_to_all_p50", Type::Number),
    ("intervals_to_all_p50", Type::Number),
    ("converged_after_ms", Type::Milliseconds),
    ("violations", Type::Integer),
];

/// Writes the table.
///
/// # Errors
/// Those of the writer.
pub fn write(runs: &Runs, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "{}", RUN_COLUMNS.map(|(name, _)| name).join(","))?;
    for (index, run) in runs.runs.iter().enumerate() {
        let swept = runs.sweep.as_ref();
        let parameter = swept.map_or(String::new(), |swept| swept.parameter.clone());
        let value = swept.and_then(|swept| swept.values.get(index)).cloned().unwrap_or_default();
        let row: Vec<String> =
            RUN_COLUMNS.iter().map(|(name, _)| quoted(&cell(name, run, &parameter, &value))).collect();
        writeln!(to, "{}", row.join(","))?;
    }
    to.flush()
}

fn cell(name: &str, run: &Report, parameter: &str, value: &str) -> String {
    match name {
        "parameter" => parameter.to_owned(),
        "value" => value.to_owned(),
        "seed" => run.seed.to_string(),
        "engine" => run.engine.clone(),
        "relay" => run.relay.clone(),
        "nodes" => run.nodes.to_string(),
        "topology" => run.topology.clone(),
        "wan" => run.wan.clone(),
        "valid" => run.valid.to_string(),
        "starved" => run.starved.to_string(),
        "wire_bytes_per_delivery" => number(run.cost.wire_bytes_per_delivery),
        "wire_ratio" => number(run.cost.wire_ratio),
        "cpu_us_per_delivery" => number(run.cost.cpu_us_per_delivery),
        "rss_max_mib" => number(run.cost.rss_mib.max),
        "rounds_to_all_p50" => number(run.rumor.as_ref().and_then(|rumor| rumor.rounds_to_all.p50)),
        "intervals_to_all_p50" => number(run.spread.as_ref().and_then(|spread| spread.to_all.p50)),
        "converged_after_ms" => number(run.partition.and_then(|healed| healed.converged_after_ms)),
        "violations" => run.sim.as_ref().map_or(String::new(), |sim| sim.violations_found.to_string()),
        _ => match name.split_once('_') {
            Some(("tx", figure)) => of_kind(figure, &run.tx),
            Some((_, figure)) => of_kind(figure, &run.block),
            None => String::new(),
        },
    }
}

fn of_kind(figure: &str, kind: &Propagation) -> String {
    number(match figure {
        "coverage" => kind.coverage,
        "p50_ms" => kind.latency_ms.p50,
        "p95_ms" => kind.latency_ms.p95,
        "p99_ms" => kind.latency_ms.p99,
        "to_all_p95_ms" => kind.to_all_ms.p95,
        "stretch_p95" => kind.stretch.p95,
        "redundancy" => kind.redundancy,
        _ => None,
    })
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// A cell as RFC 4180 has it: relays and topologies may hold commas.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
