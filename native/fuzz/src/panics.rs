//! Whose panic is a finding.
//!
//! Libraries that read a model's files panic on some of them, and the loader makes an error of it (`LoadError::Panic`).
//! So here: what panics in a dependency, inside [`caught`], ends the run of one input. Every other panic is Chorus's own
//! fault and ends the process, which the fuzzer reports.

use std::{
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process,
};

/// A part of the path of every source that comes from a registry.
const DEPENDENCY: &str = "/registry/src/";

/// Lets panics of dependencies unwind; to be called once, before the first input. libFuzzer's own hook ends the process
/// whatever panics.
pub fn start() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !is_of_dependency(info) {
            report(info);
            process::abort();
        }
    }));
}

fn is_of_dependency(info: &PanicHookInfo) -> bool {
    info.location().is_some_and(|location| location.file().contains(DEPENDENCY))
}

/// What `work` makes, or nothing where a dependency panics.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}
