//! The sessions of one model: one for a lane's own thread, one for several threads.

use std::path::Path;

use ort::Error;

use super::{
    Library, Provider,
    session::{Input, RunOutput, SharedSession, Threads},
};

/// What the sessions of a model are built from.
pub struct ModelGraph<'a> {
    /// A graph in ONNX's format.
    pub onnx: &'a [u8],
    /// The folder that its external data files lie in.
    pub directory: &'a Path,
}

pub struct Sessions {
    narrow: SharedSession,
    /// Absent where one thread is all there is, and on devices, which do not run on threads.
    wide: Option<SharedSession>,
}

impl Sessions {
    /// Builds the sessions for runs on up to `threads` threads.
    pub fn new(library: Library, provider: Provider, threads: usize, graph: &ModelGraph) -> Result<Self, Error> {
        let session = |threads| SharedSession::new(library, provider, threads, graph);
        let wide = (threads > 1 && provider == Provider::Cpu).then(|| session(Threads::Shared));
        Ok(Self { narrow: session(Threads::Calling)?, wide: wide.transpose()? })
    }

    /// Names of the graph's inputs.
    pub fn input_names(&self) -> Vec<String> {
        self.narrow.input_names()
    }

    /// Runs the graph on `threads` threads, the calling one included.
    pub fn run(&self, inputs: &[Input], threads: usize) -> Result<RunOutput, Error> {
        self.wide.as_ref().filter(|_| threads > 1).unwrap_or(&self.narrow).run(inputs)
    }
}
