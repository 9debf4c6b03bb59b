//! The thread that searches an index.
//!
//! A scan reads the whole index whatever it looks for, so it looks for what several requests want: all that came while
//! the last one ran.

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

fn serve(index: &Index, requests: &Receiver<Request>) {
    while let Ok(first) = requests.recv() {
        let mut batch = vec![first];
        let mut queries = batch[0].queries.len();
        while queries < BATCH
            && let Ok(next) = requests.try_recv()
        {
            queries += next.queries.len();
            batch.push(next);
        }
        let now = Instant::now();
        let is_late = |request: &Request| request.deadline.is_some_and(|deadline| deadline <= now);
        let (late, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_late);
        for request in late {
            (request.reply)(Err(IndexError::TooLate));
        }
        let wanted: Vec<Query> = batch.iter().flat_map(|request| request.queries.iter().cloned()).collect();
        let mut found = searched(index, &wanted).into_iter();
        for Request { queries, reply, .. } in batch {
            // All of a request's are taken, also behind one that has failed.
            let own: Vec<_> = found.by_ref().take(queries.len()).collect();
            reply(own.into_iter().collect());
        }
    }
}

/// The hits of each query, [`BATCH`] of them in one scan.
fn searched(index: &Index, queries: &[Query]) -> Vec<Result<Vec<Hit>, IndexError>> {
    let scan = |queries: &[Query]| {
        panic::catch_unwind(AssertUnwindSafe(|| index.search(queries)))
            .unwrap_or_else(|_| queries.iter().map(|_| Err(IndexError::Panicked)).collect())
    };
    queries.chunks(BATCH).flat_map(scan).collect()
}
