//! CPU and memory of a process, from `/proc`; nothing where there is none.

/// The kernel counts CPU time for user space in hundredths of a second on every Linux.
const TICK_SECONDS: f64 = 0.01;

/// Cores we may run on; honours `taskset`.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// CPU seconds used so far by all threads, dead ones too. `None` is this process.
pub fn cpu_seconds(pid: Option<u32>) -> Option<f64> {
    let stat = std::fs::read_to_string(path(pid, "stat")).ok()?;
    // The name in parentheses may hold spaces; after it come state (field 3) … utime (14), stime (15).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks * TICK_SECONDS)
}

/// Resident memory right now, in MB (10^6 bytes).
pub fn rss_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(path(Some(pid), "status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// The cores a process may run on; empty where that cannot be told.
#[cfg(target_os = "linux")]
pub fn cores_of(pid: u32) -> Vec<usize> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Ok(set) = rustix::thread::sched_getaffinity(pid) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// From now on this process runs on these cores alone. Call it while it has one thread.
#[cfg(target_os = "linux")]
pub fn stay_on(cores: &[usize]) -> std::io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    cores.iter().filter(|core| **core < rustix::thread::CpuSet::MAX_CPU).for_each(|core| set.set(*core));
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
pub fn cores_of(_: u32) -> Vec<usize> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
pub fn stay_on(_: &[usize]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn path(pid: Option<u32>, file: &str) -> String {
    pid.map_or_else(|| format!("/proc/self/{file}"), |pid| format!("/proc/{pid}/{file}"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        assert!(cpu_seconds(None).is_some());
        assert!(rss_mb(std::process::id()).unwrap() > 0.5);
        assert_eq!(rss_mb(u32::MAX), None);
    }
}
