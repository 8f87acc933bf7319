//! The command line, and the scripts that call it.

mod command_line;
mod compare_flags;
mod json_output;
mod scripts;
