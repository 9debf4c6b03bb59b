//! Threads that compute one batch together.

use std::ops::Range;

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use crate::error::LoadError;

/// A pool for runs on more than one thread. Runs on one thread stay on the thread that asks.
pub struct Team {
    /// Absent where one thread is all there is.
    pool: Option<ThreadPool>,
}

impl Team {
    pub fn new(threads: usize) -> Result<Self, LoadError> {
        let build =
            || ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("team-{index}")).build();
        let pool = (threads > 1).then(build).transpose();
        Ok(Self { pool: pool.map_err(|error| LoadError::Library(format!("no threads to compute with: {error}")))? })
    }

    /// What `work` makes of every index, in order, by all threads of the pool.
    pub fn map<R: Send>(&self, indices: Range<usize>, work: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| indices.into_par_iter().map(work).collect()),
            None => indices.map(work).collect(),
        }
    }

    /// Runs `work` with as many parts as it may split into: on the calling thread for one, inside the pool for
    /// more, so that [`for_each`] finds the others awake.
    pub fn run<R: Send>(&self, threads: usize, work: impl FnOnce(usize) -> R + Send) -> R {
        match self.pool.as_ref().filter(|_| threads > 1) {
            Some(pool) => pool.install(|| work(threads.min(pool.current_num_threads()))),
            None => work(1),
        }
    }
}

/// Does `work` for all parts at once; for one part on this thread. Ends when all are done.
pub fn for_each<T: Send>(parts: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return };
    let Some(second) = parts.next() else { return work(first) };
    rayon::in_place_scope(|scope| {
        let work = &work;
        for part in std::iter::once(second).chain(parts) {
            scope.spawn(move |_| work(part));
        }
        work(first);
    });
}
