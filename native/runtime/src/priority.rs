//! Who goes first where there are more threads than cores.

/// How much less urgent computing is than to take a request, to refuse one, or to send an answer: a nice value.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Lets the process's other threads, and others', go before the calling one. A batch takes as long as it takes; a thread
/// that answers requests is late for all of them where it waits for a core behind the batches.
pub fn yield_to_others() {
    // On Linux a thread has a nice value of its own. Where it is refused, all goes on as equals.
    #[cfg(target_os = "linux")]
    // SAFETY: no pointers, and 0 is the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
    }
}
