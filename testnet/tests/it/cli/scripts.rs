//! The scripts: their callers' flags override their own, and programs are built into and taken from
//! `CARGO_TARGET_DIR`. The programs that they run are replaced: by a `cargo` that builds nothing, and by programs
//! that only print how they were called.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

/// A copy of the scripts, so that their output does not go into the repository.
struct Scripts {
    dir: tempfile::TempDir,
}

impl Scripts {
    fn new() -> Self {
        let it = Self { dir: tempfile::tempdir().unwrap() };
        let from = repository().join("scripts");
        fs::create_dir(it.path("scripts")).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), it.path("scripts").join(entry.file_name())).unwrap();
        }
        for program in ["bin/cargo", "target/release/node", "target/release/examples/kill_test"] {
            it.stand_in(program);
        }
        it.stand_in("target/release/testnet");
        it.stand_in("target/release/examples/join_test");
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A program that notes its name and its arguments.
    fn stand_in(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let called = self.path("called").display().to_string();
        fs::write(&path, format!("#!/bin/sh\necho \"$0 $*\" >>'{called}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new(self.path("scripts").join(script))
            .args(arguments)
            .env("PATH", path)
            .env("CARGO_TARGET_DIR", self.path("target"))
            .output()
            .unwrap()
    }

    /// The calls, without the directory.
    fn called(&self) -> String {
        let called = fs::read_to_string(self.path("called")).unwrap_or_default();
        called.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn flags_of_the_caller_win_over_those_of_the_script() {
    let scripts = Scripts::new();
    let testnet = scripts.path("target/release/testnet");
    fs::remove_file(&testnet).unwrap();
    symlink(cargo_bin("testnet"), &testnet).unwrap();
    // A program that is not a node ends at once, and ends the run. The run has printed its settings before that.
    let no_node = std::env::current_exe().unwrap();
    let (first, second) = (scripts.path("first"), scripts.path("second"));
    let load = ["--nodes", "4", "--tx-rate", "5", "--duration", "1s", "--block-interval", "2s", "--seed", "7"];
    let places =
        ["--node", no_node.to_str().unwrap(), "--out", first.to_str().unwrap(), "--out", second.to_str().unwrap()];
    let output = scripts.run("testnet-50.sh", &[&load[..], &places[..]].concat());
    assert!(said(&output).contains("starting 4 nodes") && said(&output).contains("seed 7"), "{}", said(&output));
    assert!(said(&output).contains("node 0 ended by itself"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(1));
    assert!(second.join("logs").exists() && !first.exists() && !scripts.path("out").exists());
    // The script gives none of the flags that exclude each other.
    for other in [["--txs", "3"].as_slice(), &["--find-capacity"]] {
        let output = scripts.run("testnet-50.sh", &[other, &["--node", "/no/such/node"]].concat());
        assert!(said(&output).contains("no node program at /no/such/node"), "{other:?}: {}", said(&output));
    }
}

#[test]
fn programs_are_those_of_the_target_directory_that_cargo_is_told() {
    for (script, arguments, calls) in [
        (
            "testnet-50.sh",
            vec!["--relay", "flood"],
            "target/release/testnet run --out out/testnet-50 --block-interval 5s --relay flood",
        ),
        ("kill-test.sh", vec!["3"], "target/release/examples/kill_test target/release/node 3"),
        ("kill-test.sh", vec![], "target/release/examples/kill_test target/release/node 30"),
        ("prove.sh", vec!["kill-nine"], "target/release/examples/kill_test target/release/node 1000"),
        ("prove.sh", vec!["join"], "target/release/examples/join_test target/release/node"),
        ("prove.sh", vec!["capacity"], "target/release/testnet run --find-capacity"),
        ("prove-sim.sh", vec!["large"], "target/release/testnet sim"),
    ] {
        let scripts = Scripts::new();
        let output = scripts.run(script, &arguments);
        assert_eq!(output.status.code(), Some(0), "{script} {arguments:?}: {}", said(&output));
        let called = scripts.called();
        assert!(called.lines().any(|line| line.starts_with(calls)), "{script} {arguments:?}: {called}");
        assert!(called.starts_with("bin/cargo build --release"), "{script} {arguments:?}: {called}");
    }
}

#[test]
fn no_script_names_a_target_directory_by_itself() {
    for entry in fs::read_dir(repository().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let is_code =
            |line: &&str| !line.trim_start().starts_with('#') && path.extension().is_some_and(|ext| ext == "sh");
        for line in text.lines().filter(is_code) {
            for (at, _) in line.match_indices("target/") {
                let named =
                    ["release", "debug"].iter().any(|kind| line[at..].starts_with(&format!("target/{kind}")));
                assert!(!named || line[..at].ends_with('$'), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn words_that_a_script_does_not_know_are_usage_before_anything_is_built() {
    for (script, arguments) in [
        ("prove.sh", vec![]),
        ("prove.sh", vec!["everything"]),
        ("prove.sh", vec!["fifty", "--nodes", "3"]),
        ("prove-sim.sh", vec![]),
        ("prove-sim.sh", vec!["large", "--nodes", "3"]),
    ] {
        let scripts = Scripts::new();
        let output = scripts.run(script, &arguments);
        assert_eq!(output.status.code(), Some(2), "{script} {arguments:?}: {}", said(&output));
        assert!(said(&output).contains(&format!("scripts/{script} all")), "{script}: {}", said(&output));
        assert_eq!(scripts.called(), "", "{script} {arguments:?}");
    }
}

#[test]
fn a_command_that_is_not_known_and_one_that_is_not_written_are_failures() {
    if Command::new("python3").arg("--version").output().is_err() {
        return eprintln!("skipped: python3 is not installed");
    }
    let scripts = Scripts::new();
    scripts.stand_in("target/debug/node");
    scripts.stand_in("target/debug/testnet");
    let page = "`node status` and `node dance --fast` are commands.\n\n```sh\ntarget/release/node peers \\\n    --all # all\n```\n";
    fs::write(scripts.path("README.md"), page).unwrap();
    let output = scripts.run("check-commands.py", &["--only", "check-commands.py --list"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for unknown in ["node dance --fast", "target/release/node peers  --all"] {
        assert!(
            said.contains(&format!("README.md: {unknown}: scripts/known_commands.py doesn't know it")),
            "{said}"
        );
    }
    let unwritten =
        |command: &str| said.contains(&format!("{command}: in scripts/known_commands.py, and nowhere written"));
    assert!(unwritten("testnet sim") && !unwritten("node status"), "{said}");
}
