//! What is made of the command line's own definition: completions for shells, manual pages, and the long version.
//!
//! Deliberately absent: a place to install them. Packages have their own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::client::AskError;

/// What `--version` prints behind the name: the version, and how this program was built. `build.rs` finds it out.
pub(super) const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit    ",
    env!("NODE_BUILD_COMMIT"),
    "\nrustc     ",
    env!("NODE_BUILD_RUSTC"),
    "\ntarget    ",
    env!("NODE_BUILD_TARGET"),
    "\nprofile   ",
    env!("NODE_BUILD_PROFILE"),
    "\nfeatures  ",
    env!("NODE_BUILD_FEATURES"),
);

/// `node completions`: prints a shell's script.
///
/// # Errors
/// If standard output can't be written.
pub fn completions(shell: Shell) -> Result<ExitCode, AskError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "node", &mut script);
    match io::Write::write_all(&mut io::stdout(), &script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// `node man`: writes a manual page for each command into a directory, which is made if necessary. Prints their paths.
///
/// # Errors
/// If a page can't be written.
pub fn man(dir: &Path) -> Result<ExitCode, AskError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| io::Error::new(error.kind(), format!("cannot write {path}: {error}"))
    };
    std::fs::create_dir_all(dir).map_err(failed(dir))?;
    let mut command = Cli::command().version(env!("CARGO_PKG_VERSION"));
    command.build();
    let mut waiting = vec![command];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().filter(|below| below.get_name() != "help").cloned());
        let page = clap_mangen::Man::new(command);
        let path: PathBuf = dir.join(page.get_filename());
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed(&path))?;
        std::fs::write(&path, text).map_err(failed(&path))?;
        super::client::print(&path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
