//! The page of a simulation: whole, small, and the same when it is written again.

use assert_cmd::Command;
use serde_json::Value;
use testnet::report::{DELIVERIES_FILE, PAGE_FILE, REPORT_FILE};

use super::blocks::{block, page_in};

#[test]
fn a_simulation_leaves_a_page_that_needs_nothing_else_and_can_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out_text = out.to_str().unwrap();
    let testnet = |words: &[&str]| Command::cargo_bin("testnet").unwrap().args(words).assert().success();
    testnet(&["sim", "--out", out_text, "--nodes", "30", "--txs", "20", "--checks", "none", "--seed", "7"]);
    let page = page_in(&out);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    assert!(page.contains("content=\"default-src 'none';"));
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "import(", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let report: Value = serde_json::from_str(&read(REPORT_FILE)).unwrap();
    assert_eq!(block(&page, "report"), report);
    let shown = block(&page, "extract")["heat"]["latency_us"].clone();
    let shown =
        shown.as_array().unwrap().iter().flat_map(|item| item.as_array().unwrap()).filter(|us| us.is_u64());
    assert_eq!(shown.count(), read(DELIVERIES_FILE).lines().count() - 1);

    std::fs::remove_file(out.join(PAGE_FILE)).unwrap();
    testnet(&["report", out_text]);
    assert_eq!(page_in(&out), page);
    std::fs::remove_file(out.join(DELIVERIES_FILE)).unwrap();
    testnet(&["report", out_text]);
    assert_eq!(block(&page_in(&out), "report"), report);
}
