//! How the program ends: a number for each kind of failure, as listed by `node --help`.

use std::process::ExitCode;

/// The exit code that an error stands for.
pub trait ExitStatus {
    /// The code.
    fn exit_code(&self) -> ExitCode;
}
