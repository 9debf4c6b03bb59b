//! From the rows of an index to the file of their graph.

use std::{
    io::{self, Read},
    os::fd::AsRawFd,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{new_graph, rounded};
use crate::{GRAPH, IndexError, VECTORS, files::Mapped, writer::Output};

/// Rows that a thread takes at a time.
const BLOCK_ROWS: usize = 64;

/// Writes the graph of the `rows` rows in `folder`, whose vectors are there, and sees to it that it is on the disk. `added`
/// counts the rows that are in it, for whoever waits.
///
/// One thread makes the same file of the same rows, on any machine. Several make another one each time, since which rows are
/// there when a row is linked depends on which thread was faster; they find as much.
///
/// It is made in memory, of which it takes as much as its file: 2 bytes a value, and some 150 a row.
///
/// # Errors
/// When there is no memory, or the disk does not take it.
pub fn write_graph(
    folder: &Path,
    dimensions: usize,
    rows: usize,
    threads: usize,
    added: &AtomicUsize,
) -> Result<(), IndexError> {
    let path = folder.join(GRAPH);
    let failed = |problem| IndexError::content(&path, problem);
    let vectors = Mapped::of_rows(folder, VECTORS, rows, dimensions * size_of::<f32>())?;
    let graph = new_graph(dimensions).map_err(failed)?;
    let threads = threads.clamp(1, rows.div_ceil(BLOCK_ROWS).max(1));
    graph.reserve_capacity_and_threads(rows, threads).map_err(|error| failed(error.to_string()))?;
    add_all(&graph, vectors.values(), dimensions, threads, added).map_err(failed)?;
    save(&graph, folder)
}

fn add_all(
    graph: &usearch::Index,
    vectors: &[f32],
    dimensions: usize,
    threads: usize,
    added: &AtomicUsize,
) -> Result<(), String> {
    let rows = vectors.len() / dimensions;
    let next = AtomicUsize::new(0);
    let error = Mutex::new(None);
    let add = || loop {
        let first = next.fetch_add(BLOCK_ROWS, Ordering::Relaxed);
        for row in first..(first + BLOCK_ROWS).min(rows) {
            let vector = rounded(&vectors[row * dimensions..][..dimensions]);
            if let Err(failure) = graph.add(row as u64, usearch::f16::from_i16s(&vector)) {
                next.store(rows, Ordering::Relaxed);
                *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.to_string());
                return;
            }
            added.fetch_add(1, Ordering::Relaxed);
        }
        if first >= rows {
            return;
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(add);
        }
        add();
    });
    error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Writes `graph` by ourselves: usearch's own writing keeps silent about a disk that is full when the file is closed. It
/// writes into a pipe, so that nothing of it lies in memory twice.
fn save(graph: &usearch::Index, folder: &Path) -> Result<(), IndexError> {
    let path = folder.join(GRAPH);
    let mut output = Output::create(folder, GRAPH)?;
    let (mut reader, writer) = io::pipe().map_err(|error| IndexError::io(&path, error))?;
    let written = thread::scope(|scope| {
        let written = scope.spawn(move || {
            // Opened by its name it is another end, which usearch closes; this one is closed here, behind it.
            graph.save(&format!("/dev/fd/{}", writer.as_raw_fd()))
        });
        let mut copy = || {
            let mut bytes = vec![0; 1 << 16];
            loop {
                match reader.read(&mut bytes).map_err(|error| IndexError::io(&path, error))? {
                    0 => return Ok(()),
                    length => output.write(&bytes[..length])?,
                }
            }
        };
        let copied = copy();
        if copied.is_err() {
            // Whoever writes is not left to wait.
            let _ = io::copy(&mut reader, &mut io::sink());
        }
        let written = written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        copied.and(written.map_err(|error| IndexError::content(&path, error.to_string())))
    });
    written.and_then(|()| output.finish())
}
