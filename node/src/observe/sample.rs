//! What the process has used so far, by the system's word.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
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
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib.saturating_mul(1024))
}

/// Whole microseconds of a span.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
