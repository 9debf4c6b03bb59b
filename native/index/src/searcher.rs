//! The thread that searches an index.
//!
//! A scan reads the whole index whatever it looks for, so it looks for what several requests want: all that came while
//! the last one ran, a part of each. Between two scans, deadlines are looked at.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Instant,
};

use crate::{Hit, Index, IndexError, Query};

/// Queries of one scan, at most: with more a scan takes longer, and nobody's answer comes sooner.
const BATCH: usize = 32;

/// What a request gets: the hits of each of its queries.
pub type Searched = Result<Vec<Vec<Hit>>, IndexError>;

struct Request {
    queries: Vec<Query>,
    /// After which nobody wants the answer.
    deadline: Option<Instant>,
    reply: Box<dyn FnOnce(Searched) + Send>,
}

/// An index with its thread, which ends when this is dropped and what it was asked is answered.
pub struct Searcher {
    index: Arc<Index>,
    requests: Sender<Request>,
}

impl Searcher {
    /// # Errors
    /// When no thread can be started.
    pub fn start(index: Index) -> std::io::Result<Self> {
        let index = Arc::new(index);
        let (requests, received) = mpsc::channel();
        let searched = Arc::clone(&index);
        thread::Builder::new().name("index".to_owned()).spawn(move || serve(&searched, &received))?;
        Ok(Self { index, requests })
    }

    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Calls `reply`, from the thread, with what was found.
    pub fn search(
        &self,
        queries: Vec<Query>,
        deadline: Option<Instant>,
        reply: impl FnOnce(Searched) + Send + 'static,
    ) {
        let request = Request { queries, deadline, reply: Box::new(reply) };
        // It is there as long as there is somebody to ask it; were it not, the reply is an error all the same.
        if let Err(mpsc::SendError(request)) = self.requests.send(request) {
            (request.reply)(Err(IndexError::Panicked));
        }
    }
}

/// A request that is being searched.
struct Open {
    request: Request,
    /// Of its first queries.
    found: Vec<Result<Vec<Hit>, IndexError>>,
}

impl Open {
    fn left(&self) -> usize {
        self.request.queries.len() - self.found.len()
    }

    fn is_late(&self, now: Instant) -> bool {
        self.request.deadline.is_some_and(|deadline| deadline <= now)
    }
}

fn serve(index: &Index, requests: &Receiver<Request>) {
    let mut open: Vec<Open> = Vec::new();
    loop {
        if open.is_empty() {
            match requests.recv() {
                Ok(request) => open.push(Open { request, found: Vec::new() }),
                Err(_) => return,
            }
        }
        open.extend(requests.try_iter().map(|request| Open { request, found: Vec::new() }));
        let now = Instant::now();
        for late in open.extract_if(.., |open| open.is_late(now)) {
            (late.request.reply)(Err(IndexError::TooLate));
        }
        scan(index, &mut open);
        for done in open.extract_if(.., |open| open.left() == 0) {
            (done.request.reply)(done.found.into_iter().collect());
        }
    }
}

/// One scan for the first of `open`, which share it: a request with many queries does not stand before one with a few.
fn scan(index: &Index, open: &mut [Open]) {
    let share = (BATCH / open.len().max(1)).max(1);
    let mut queries = Vec::new();
    let mut counts = Vec::new();
    for Open { request, found } in open.iter() {
        let count = share.min(request.queries.len() - found.len()).min(BATCH - queries.len());
        queries.extend_from_slice(&request.queries[found.len()..found.len() + count]);
        counts.push(count);
    }
    let searched = panic::catch_unwind(AssertUnwindSafe(|| index.search(&queries)));
    let searched = searched.unwrap_or_else(|_| queries.iter().map(|_| Err(IndexError::Panicked)).collect());
    let mut searched = searched.into_iter();
    for (open, count) in open.iter_mut().zip(counts) {
        open.found.extend(searched.by_ref().take(count));
    }
}
