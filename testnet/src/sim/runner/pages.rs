//! Memory in large pages. Thousands of engines lie scattered over gigabytes. With pages of 4 KiB, nearly every
//! step to another engine waits for the page table as well, which costs a third of a large simulation's time.
//! glibc asks the kernel for pages of 2 MiB if an environment variable says so when the program starts. So the
//! program starts itself again.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// glibc's settings: see `glibc.malloc.hugetlb` in its manual, "Memory Allocation Tunables".
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Transparent huge pages through `madvise`, if the kernel allows them.
const LARGE_PAGES: &str = "glibc.malloc.hugetlb=1";

/// Replaces the program by the same program with the same arguments and large pages. Does nothing if the variable
/// is already set, to any value. Other C libraries than glibc ignore the variable.
pub fn restart_with_large_pages() {
    if !cfg!(target_env = "gnu") || env::var_os(TUNABLES).is_some() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // This returns only if it fails. Then small pages are good enough.
        let _ = Command::new(program).args(env::args_os().skip(1)).env(TUNABLES, LARGE_PAGES).exec();
    }
}
