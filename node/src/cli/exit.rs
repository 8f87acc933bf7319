//! How the program ends: a number for each kind of failure, as `node --help` lists them.

use std::process::ExitCode;

/// The exit code that an error stands for.
pub trait ExitStatus {
    /// The code.
    fn exit_code(&self) -> ExitCode;
}
