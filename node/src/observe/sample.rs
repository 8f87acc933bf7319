//! What the process has used so far, by the system's word.

use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike as _;

/// User and system time of this process, in microseconds; 0 if the system doesn't say.
#[must_use]
pub fn cpu_us() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        let micros = usage.user_time().num_microseconds().saturating_add(usage.system_time().num_microseconds());
        u64::try_from(micros).unwrap_or(0)
    })
}

/// Peak resident memory of this process (`VmHWM`), in bytes; 0 if there is no `/proc`.
#[must_use]
pub fn rss_peak() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| vm_hwm(&status))
}

/// `VmHWM` of a `/proc/<pid>/status` text, in bytes; 0 if it isn't there.
#[must_use]
pub fn vm_hwm(status: &str) -> u64 {
    status_number(status, "VmHWM:").saturating_mul(1024)
}

/// The number of a line of a `/proc/<pid>/status` text, without its unit; 0 if it isn't there. Sizes are in KiB.
#[must_use]
pub fn status_number(status: &str, name: &str) -> u64 {
    let rest = status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    rest.map(|rest| rest.strip_suffix("kB").unwrap_or(rest).trim())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// The limit of open files of this process, if the system tells it.
#[must_use]
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// Whole microseconds of a span.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
