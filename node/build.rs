//! Facts about the build for `node --version`: commit, compiler, target, profile and features.
//!
//! Nothing here can fail a build: a fact that is not known is told as `unknown`. The commit is that of `HEARSAY_COMMIT`
//! if it is set, as packages do, or what git says. Only a release build asks git, so that a commit doesn't make a
//! debug build out of date.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=HEARSAY_COMMIT");
    let profile = variable("PROFILE");
    let commit = match env::var("HEARSAY_COMMIT") {
        Ok(commit) if !commit.is_empty() => Some(commit),
        _ if profile == "release" => commit(),
        _ => Some("not told to debug builds".to_owned()),
    };
    let rustc = said(&variable("RUSTC"), &["--version"]).unwrap_or_else(unknown);
    let mut features: Vec<String> =
        env::vars().filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase)).collect();
    features.sort();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    for (name, value) in [
        ("COMMIT", commit.unwrap_or_else(unknown)),
        ("RUSTC", rustc),
        ("TARGET", variable("TARGET")),
        ("PROFILE", profile),
        ("FEATURES", features),
    ] {
        println!("cargo:rustc-env=NODE_BUILD_{name}={value}");
    }
}

/// The commit that is checked out. If it changes, this is asked again.
fn commit() -> Option<String> {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = said("git", &["rev-parse", "--path-format=absolute", "--git-path", path]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let changed =
        said("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    Some(if changed { format!("{commit} and changes") } else { commit })
}

fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    // More than one line would end the line that cargo reads.
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| unknown())
}

fn unknown() -> String {
    "unknown".to_owned()
}
