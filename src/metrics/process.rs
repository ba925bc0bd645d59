//! What the system says about this process: memory, CPU, files, threads.

use std::fmt::Write as _;

use super::kinds::Page;

/// What Linux says about the process; nothing elsewhere. These names have no prefix, as everybody's.
pub(super) fn process(page: &mut Page<'_>) {
    let Some(usage) = ProcessUsage::read() else { return };
    let _ = write!(
        page.text,
        "# HELP process_resident_memory_bytes Resident memory size in bytes.\n\
         # TYPE process_resident_memory_bytes gauge\n\
         process_resident_memory_bytes {}\n\
         # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n\
         # TYPE process_cpu_seconds_total counter\n\
         process_cpu_seconds_total {}\n\
         # HELP process_open_fds Number of open file descriptors.\n\
         # TYPE process_open_fds gauge\n\
         process_open_fds {}\n\
         # HELP process_threads Number of threads.\n\
         # TYPE process_threads gauge\n\
         process_threads {}\n",
        usage.resident_bytes, usage.cpu_seconds, usage.open_files, usage.threads
    );
}

/// Memory and CPU of this process, from `/proc`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    pub resident_bytes: u64,
    pub cpu_seconds: f64,
    pub open_files: usize,
    pub threads: u64,
}

impl ProcessUsage {
    pub fn read() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The command in parentheses may hold spaces; utime and stime are the 12th and 13th fields after it, in
        // hundredths of a second on every Linux that reports to user space.
        let mut after = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = after.next()?.parse().ok()?;
        let system: u64 = after.next()?.parse().ok()?;
        Some(Self {
            resident_bytes: field("VmRSS:")? * 1024,
            cpu_seconds: (user + system) as f64 / 100.0,
            open_files: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            threads: field("Threads:")?,
        })
    }
}
