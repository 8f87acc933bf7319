//! What the process takes from the system, read when somebody asks: a few small files of `/proc`. Without `/proc` these
//! metrics are missing.

use std::fmt;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::sheet::Sheet;
use crate::observe::sample;

/// The process, and the file of its store.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) store: Option<PathBuf>,
    /// When the node was started, in milliseconds since 1970.
    pub(super) started_ms: u64,
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        let cpu = sample::cpu_us() as f64 / 1e6;
        sheet.counter("process_cpu", "Processor time of the process.", Some(&Unit::Seconds), cpu)?;
        let started = self.started_ms as f64 / 1e3;
        let help = "When the node was started, since 1970.";
        sheet.gauge("process_start_time", help, Some(&Unit::Seconds), started)?;
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            let kib = |name: &str| sample::status_number(&status, name).saturating_mul(1024);
            sheet.gauge("process_resident_memory", "Resident memory.", Some(&Unit::Bytes), kib("VmRSS:"))?;
            let help = "The most resident memory so far.";
            sheet.gauge("process_resident_memory_peak", help, Some(&Unit::Bytes), kib("VmHWM:"))?;
            let threads = sample::status_number(&status, "Threads:");
            sheet.gauge("process_threads", "Threads.", None, threads)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The listing has a descriptor of its own.
            sheet.gauge(
                "process_open_fds",
                "Open files and sockets.",
                None,
                open.count().saturating_sub(1) as u64,
            )?;
        }
        if let Some(most) = sample::descriptors_max() {
            sheet.gauge("process_max_fds", "Files and sockets that may be open at a time.", None, most)?;
        }
        let Some(store) = &self.store else { return Ok(()) };
        let Ok(file) = std::fs::metadata(store) else { return Ok(()) };
        sheet.gauge("store_size", "Size of the store's file.", Some(&Unit::Bytes), file.len())
    }
}
