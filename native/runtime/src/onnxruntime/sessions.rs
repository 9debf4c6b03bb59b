//! The sessions of one model: one for a lane's own thread, one for several threads.

use ort::Error;

use super::{
    Library, Provider,
    session::{Input, InputType, ModelGraph, Output, SharedSession, Threads},
};

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

    pub fn inputs(&self) -> Vec<InputType> {
        self.narrow.inputs()
    }

    /// Runs the graph on `threads` threads, the calling one included.
    pub fn run(&self, inputs: &[Input], threads: usize) -> Result<Vec<Output>, Error> {
        self.wide.as_ref().filter(|_| threads > 1).unwrap_or(&self.narrow).run(inputs)
    }
}
