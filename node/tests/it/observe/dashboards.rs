//! The dashboard and the alert rules in `deploy/` name metrics and labels that a node serves.

use std::collections::{BTreeMap, BTreeSet};

use node::observe::metrics::{Metrics, State};
use serde_json::Value;

use super::metrics::samples;

/// Labels that Prometheus itself adds, and that of buckets.
const OTHERS_LABELS: [&str; 3] = ["instance", "job", "le"];

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../deploy/{path}", env!("CARGO_MANIFEST_DIR"))).expect("readable")
}

/// All names of samples, and the values of their labels.
fn served() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let metrics = Metrics::default();
    // A node that has seen something of everything.
    let disconnects = BTreeMap::from([("withheld", 1)]);
    metrics.set_state(State { disconnects, ..State::default() });
    metrics.rpc.method("tx_send");
    metrics.rpc.condition("sync", true);
    let mut served: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for name in samples(&metrics.encode()).keys() {
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let known = served.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            known.entry(label).or_default().insert(value);
        }
    }
    // Known only with a store on disk.
    served.entry("hearsay_store_size_bytes".to_owned()).or_default();
    served
}

/// `a="b",c=~"d"` as pairs. Values have no commas here.
fn matchers(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (label, value) = part.split_once('=')?;
        Some((label.trim().to_owned(), value.trim_start_matches('~').trim_matches('"').to_owned()))
    };
    text.split(',').filter_map(pair).collect()
}

/// Checks an expression, and returns the names in it.
fn check(expression: &str, served: &BTreeMap<String, BTreeMap<String, BTreeSet<String>>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in expression.match_indices("hearsay_") {
        let rest = &expression[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let known = served.get(name).unwrap_or_else(|| panic!("no metric {name}, in {expression}"));
        let selector = after.strip_prefix('{').and_then(|after| after.split('}').next()).unwrap_or_default();
        for (label, value) in matchers(selector) {
            if OTHERS_LABELS.contains(&label.as_str()) {
                continue;
            }
            let values = known.get(&label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
            assert!(values.contains(&value), "{name} has no {label}={value}: {expression}");
        }
        found.insert(name.to_owned());
    }
    found
}

/// The texts behind this key, anywhere in the document.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| texts(value, key, found)),
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| texts(value, key, found));
        }
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_are_served() {
    let dashboard: Value = serde_json::from_str(&file("grafana/hearsay.json")).expect("JSON");
    let served = served();
    let mut expressions = Vec::new();
    texts(&dashboard["panels"], "expr", &mut expressions);
    texts(&dashboard["templating"], "query", &mut expressions);
    let mut asked = BTreeSet::new();
    for expression in expressions.iter().filter(|text| **text != "prometheus") {
        let names = check(expression, &served);
        assert!(!names.is_empty(), "{expression} asks for nothing of a node");
        asked.extend(names);
    }
    assert!(asked.len() >= 40, "{} metrics are shown", asked.len());
}

#[test]
fn the_alerts_ask_for_metrics_that_are_served() {
    let (alerts, served) = (file("prometheus/alerts.yml"), served());
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 12);
    for rule in rules {
        let (_, expression) = rule.split_once("expr:").expect("an expression");
        let (expression, rest) = expression.split_once("labels:").expect("labels behind it");
        assert!(!check(expression, &served).is_empty(), "{rule}");
        assert!(rest.contains("summary:") && rest.contains("description:"), "{rule}");
    }
}
