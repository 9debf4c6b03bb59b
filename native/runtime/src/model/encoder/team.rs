//! Threads that compute one batch together: the one that has it, and helpers that nobody else needs.
//!
//! Whoever has a batch computes it, and does not wait for helpers to begin: who comes late finds nothing left to do. Where
//! the threads of a pool do all of the work, two have to be woken, and the second may be put on the core where the
//! first one computes: on two cores half of the batches then took as long as on one.

use std::{
    any::Any,
    hint, mem,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicPtr, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, JoinHandle},
};

use parking_lot::{Condvar, Mutex};

use crate::error::LoadError;

/// So often a wait that is short looks again before it lets other threads have the core: some microseconds.
const SPINS: usize = 200;

/// Helpers, for any number of threads that have batches.
pub struct Team {
    helpers: Vec<(Arc<Helper>, JoinHandle<()>)>,
    free: Mutex<Vec<Arc<Helper>>>,
}

impl Team {
    /// For up to `threads` threads that compute at a time, one of them always a thread that has a batch.
    pub fn new(threads: usize) -> Result<Self, LoadError> {
        let start = |index| {
            let helper = Arc::new(Helper::default());
            let thread = thread::Builder::new().name(format!("helper-{index}")).spawn({
                let helper = Arc::clone(&helper);
                move || helper.serve()
            });
            Ok((helper, thread.map_err(|error| LoadError::Library(format!("no thread to compute with: {error}")))?))
        };
        let helpers = (1..threads).map(start).collect::<Result<Vec<_>, _>>()?;
        let free = Mutex::new(helpers.iter().map(|(helper, _)| Arc::clone(helper)).collect());
        Ok(Self { helpers, free })
    }

    /// Up to `threads` threads, as many as are free: this one, and helpers until the crew is dropped.
    pub fn crew(&self, threads: usize) -> Crew<'_> {
        let mut free = self.free.lock();
        let kept = free.len().saturating_sub(threads.saturating_sub(1));
        let helpers = free.split_off(kept);
        drop(free);
        let board = Arc::<Board>::default();
        for helper in &helpers {
            helper.tell(Task::Help(Arc::clone(&board)));
        }
        Crew { team: self, helpers, board }
    }

    /// What `work` makes of every index, in order, by as many threads as are free.
    pub fn map<R: Send>(&self, indices: Range<usize>, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let mut results: Vec<Option<R>> = indices.clone().map(|_| None).collect();
        let crew = self.crew(usize::MAX);
        crew.for_each(indices.zip(&mut results), |(index, result)| *result = Some(work(index)));
        results.into_iter().flatten().collect()
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for (helper, _) in &self.helpers {
            helper.tell(Task::End);
        }
        for (_, thread) in self.helpers.drain(..) {
            // A panic of its work was told to whoever had put it up.
            let _ = thread.join();
        }
    }
}

/// This thread and the helpers that it has for a while.
pub struct Crew<'team> {
    team: &'team Team,
    helpers: Vec<Arc<Helper>>,
    board: Arc<Board>,
}

impl Crew<'_> {
    /// How many threads there are.
    pub fn size(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `work` for all parts, several at a time. Ends when all are done; panics where one of them does.
    pub fn for_each<T, P>(&self, parts: P, work: impl Fn(T) + Sync)
    where
        T: Send,
        P: IntoIterator<Item = T>,
    {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return };
        let Some(second) = parts.next() else { return work(first) };
        let parts = [first, second].into_iter().chain(parts);
        if self.helpers.is_empty() {
            return parts.for_each(work);
        }
        let parts: Vec<_> = parts.map(|part| Mutex::new(Some(part))).collect();
        let next = AtomicUsize::new(0);
        self.board.put_up(&|| {
            while let Some(part) = parts.get(next.fetch_add(1, Relaxed)) {
                let part = part.lock().take();
                part.map(&work);
            }
        });
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.board.is_over.store(true, SeqCst);
        self.team.free.lock().append(&mut self.helpers);
    }
}

/// To be called by any thread, any number of times, until nothing is left to do.
type Work<'work> = &'work (dyn Fn() + Sync);

/// Where one thread puts up work, and its helpers look for it.
#[derive(Default)]
struct Board {
    /// How often work was put up.
    count: AtomicUsize,
    /// What may be begun; null where nothing may.
    work: AtomicPtr<Work<'static>>,
    /// Helpers that may be at it.
    busy: AtomicUsize,
    /// Of a helper.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    is_over: AtomicBool,
}

impl Board {
    /// Calls `work`, and has it called by helpers that come in time. Ends when all calls have.
    fn put_up(&self, work: Work) {
        let up = Up(self);
        self.work.store((&raw const work).cast_mut().cast(), SeqCst);
        self.count.fetch_add(1, SeqCst);
        work();
        drop(up);
        if let Some(panic) = self.panic.lock().take() {
            resume_unwind(panic);
        }
    }

    /// Takes part in what is put up until the crew ends.
    fn help(&self) {
        let mut seen = 0;
        loop {
            wait(|| self.count.load(SeqCst) != seen || self.is_over.load(SeqCst));
            if self.is_over.load(SeqCst) {
                return;
            }
            seen = self.count.load(SeqCst);
            self.busy.fetch_add(1, SeqCst);
            let work = self.work.load(SeqCst);
            if !work.is_null() {
                // SAFETY: it was there after `busy` had been raised. Who put it up takes it down first and then waits until
                // `busy` is 0, on every way out of `put_up`; all four steps are in one order that all threads see. So what
                // is borrowed here outlives the call.
                let work = unsafe { *work };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                    self.panic.lock().get_or_insert(panic);
                }
            }
            self.busy.fetch_sub(1, SeqCst);
        }
    }
}

/// Takes work down, when it is dropped, and waits for the helpers that are at it.
struct Up<'board>(&'board Board);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.work.store(ptr::null_mut(), SeqCst);
        wait(|| self.0.busy.load(SeqCst) == 0);
    }
}

fn wait(is_over: impl Fn() -> bool) {
    for _ in 0..SPINS {
        if is_over() {
            return;
        }
        hint::spin_loop();
    }
    while !is_over() {
        thread::yield_now();
    }
}

/// A thread that sleeps between crews.
#[derive(Default)]
struct Helper {
    task: Mutex<Task>,
    told: Condvar,
}

#[derive(Default)]
enum Task {
    #[default]
    None,
    Help(Arc<Board>),
    End,
}

impl Helper {
    fn tell(&self, task: Task) {
        *self.task.lock() = task;
        self.told.notify_one();
    }

    fn serve(&self) {
        while let Task::Help(board) = self.next() {
            board.help();
        }
    }

    fn next(&self) -> Task {
        let mut task = self.task.lock();
        self.told.wait_while(&mut task, |task| matches!(task, Task::None));
        mem::take(&mut task)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        thread,
    };

    use super::Team;

    fn team(threads: usize) -> Team {
        Team::new(threads).expect("threads")
    }

    #[test]
    fn each_part_is_done_once_whatever_the_number_of_threads_and_parts() {
        for threads in 1..=4 {
            let team = team(threads);
            for parts in [0, 1, 2, 3, 17] {
                let mut done = vec![0; parts];
                team.crew(threads).for_each(&mut done, |count| *count += 1);
                assert_eq!(done, vec![1; parts], "{threads} threads");
            }
        }
    }

    #[test]
    fn parts_are_done_at_the_same_time() {
        let met = Barrier::new(3);
        let team = team(3);
        let crew = team.crew(3);
        assert_eq!(crew.size(), 3);
        crew.for_each(0..3, |_| {
            met.wait();
        });
    }

    #[test]
    fn results_come_in_order() {
        let expected: Vec<_> = (5..40).map(|index| index * index).collect();
        assert_eq!(team(3).map(5..40, |index| index * index), expected);
    }

    #[test]
    fn what_is_borrowed_is_free_again_after_each_of_many_short_works() {
        let team = team(4);
        for round in 0..if cfg!(miri) { 20 } else { 2000 } {
            let crew = team.crew(1 + round % 4);
            for step in 0..5 {
                let mut numbers = vec![step; 8];
                crew.for_each(&mut numbers, |number| *number += 1);
                assert_eq!(numbers, [step + 1; 8]);
            }
        }
    }

    #[test]
    fn threads_with_batches_share_the_helpers() {
        let team = team(3);
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..if cfg!(miri) { 5 } else { 300 } {
                        let crew = team.crew(3);
                        assert!((1..=3).contains(&crew.size()));
                        crew.for_each(1..=4, |part| {
                            total.fetch_add(part, SeqCst);
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 3 * if cfg!(miri) { 5 } else { 300 } * 10);
        assert_eq!(team.crew(9).size(), 3, "all came back");
    }

    #[test]
    fn a_panic_of_any_part_is_told_and_the_team_goes_on() {
        let team = team(2);
        for _ in 0..if cfg!(miri) { 4 } else { 50 } {
            let met = Barrier::new(2);
            for guilty in 0..2 {
                let told = catch_unwind(AssertUnwindSafe(|| {
                    team.crew(2).for_each(0..2, |part| {
                        met.wait();
                        assert_ne!(part, guilty, "this part fails");
                    });
                }));
                let message = told.expect_err("one part failed");
                let message = message.downcast_ref::<String>().expect("a message");
                assert!(message.contains("this part fails"), "{message}");
            }
        }
        assert_eq!(team.map(0..3, |index| index), [0, 1, 2]);
    }
}
