//! What scripts have freed goes back to the system.
//!
//! glibc keeps freed memory, and the more of it the larger the blocks that were freed: after a script that hit its memory
//! cap, hundreds of megabytes stayed with the process. Setting a threshold switches that adaptation off.
#![allow(unsafe_code, reason = "one call to set an option of the C library's allocator")]

/// Free memory at the top of a heap beyond this is given back: far above what a tick frees and takes again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: libc::c_int = 1 << 20;

/// Call once at the start.
pub fn give_back_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: an option with a number; it may be set at any time, from any thread.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}
