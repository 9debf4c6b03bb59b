//! A checkpoint on a GPU: the packed graph whose attention reads token offsets.
//!
//! A thread of its own owns the model's session and runs its batches one after the other; lanes lay batches
//! out, hand them over and wait. With two lanes the device has the next batch at hand when it has finished
//! one, and the host's work is hidden.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::mpsc::{self, Receiver, Sender, SyncSender},
    thread::{self, JoinHandle},
};

use chorus_engine::{
    graph::{self, Element, Flavour, Layout, input},
    packing::{BatchShape, OffsetBatch, PositionRule},
    spec::{ModelSpec, Pooling, Task},
};

use super::{Runner, ThreadShare};
use crate::{
    checkpoint::WeightFiles,
    error::{BatchError, LoadError},
    onnxruntime::{BoundInput, BoundOptions, BoundSession, Library, Numbers, Provider},
};

pub struct DeviceModel {
    plan: Plan,
    /// Present until the model is dropped, which ends the thread.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// How batches are laid out, and how many numbers come back per text.
#[derive(Clone, Copy)]
struct Plan {
    rule: PositionRule,
    width: usize,
    /// The graph takes `graph::input::MEAN`.
    pools: bool,
    /// Rounds batches up to the sizes that graphs are captured for.
    captures: bool,
}

pub struct DeviceOptions {
    pub provider: Provider,
    pub element: Element,
    pub captures: bool,
}

struct Job {
    batch: OffsetBatch,
    /// For mean pooling.
    mean: Option<Vec<f32>>,
    reply: SyncSender<Result<Vec<f32>, BatchError>>,
}

impl DeviceModel {
    /// Builds the graph and its session; returns them with the number of parameters.
    pub fn load(
        directory: &Path,
        spec: &ModelSpec,
        library: Library,
        options: &DeviceOptions,
    ) -> Result<(Box<dyn Runner>, usize), LoadError> {
        let &DeviceOptions { provider, element, captures } = options;
        let weights = WeightFiles::open(directory)?;
        let flavour = Flavour { element, layout: Layout::Offsets };
        let graph = graph::build(spec, &weights.index, flavour)
            .map_err(|source| LoadError::Weights { directory: directory.to_owned(), source })?;
        let bound = BoundOptions { provider, captures, directory };
        let session =
            BoundSession::new(library, &graph.model, &bound).map_err(|error| LoadError::session(directory, &error))?;
        let plan = Plan {
            rule: PositionRule::of(spec),
            width: graph.width,
            pools: spec.task == Task::Embedding(Pooling::Mean),
            captures,
        };
        Ok((Box::new(Self::start(session, plan)?), graph.parameters))
    }

    fn start(session: BoundSession, plan: Plan) -> Result<Self, LoadError> {
        let (jobs, received) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("device".to_owned())
            .spawn(move || serve(session, plan.width, &received))
            .map_err(|error| LoadError::Library(format!("no thread for the device: {error}")))?;
        Ok(Self { plan, jobs: Some(jobs), thread: Some(thread) })
    }

    fn shape(&self, texts: &[&[u32]]) -> BatchShape {
        let shape = BatchShape::of(texts);
        if self.plan.captures { shape.bucket() } else { shape }
    }
}

impl Runner for DeviceModel {
    /// The calling thread waits; threads mean nothing to a device.
    fn run(&self, texts: &[&[u32]], _threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let batch = OffsetBatch::new(texts, self.plan.rule, self.shape(texts));
        let mean = self.plan.pools.then(|| batch.mean_weights());
        let (reply, answer) = mpsc::sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or(BatchError::Panic)?;
        jobs.send(Job { batch, mean, reply }).map_err(|_| BatchError::Panic)?;
        let mut numbers = answer.recv().map_err(|_| BatchError::Panic)??;
        // What filled the batch has answers, too.
        numbers.truncate(texts.len() * self.plan.width);
        Ok(numbers)
    }

    fn width(&self) -> usize {
        self.plan.width
    }

    fn computed_tokens(&self, texts: &[&[u32]]) -> usize {
        self.shape(texts).tokens
    }
}

impl Drop for DeviceModel {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It catches its panics; should it end by one all the same, there is nothing left to save.
            let _ = thread.join();
        }
    }
}

/// Runs jobs until nobody can send more.
fn serve(mut session: BoundSession, width: usize, jobs: &Receiver<Job>) {
    for Job { batch, mean, reply } in jobs {
        let run = || run(&mut session, &batch, mean.as_deref(), width);
        let answer = panic::catch_unwind(AssertUnwindSafe(run));
        let answer = answer.unwrap_or(Err(BatchError::Panic));
        // A lane that has gone needs no answer.
        let _ = reply.send(answer);
    }
}

fn run(
    session: &mut BoundSession,
    batch: &OffsetBatch,
    mean: Option<&[f32]>,
    width: usize,
) -> Result<Vec<f32>, BatchError> {
    let BatchShape { tokens, rows, longest } = batch.shape;
    let indexes =
        |name, shape: &[usize], numbers| BoundInput { name, shape: shape.to_vec(), numbers: Numbers::I32(numbers) };
    let mut inputs = vec![
        indexes(input::IDS, &[tokens], &batch.ids),
        indexes(input::POSITIONS, &[tokens], &batch.positions),
        indexes(input::FIRST, &[rows], &batch.first),
        indexes(input::TOKEN_OFFSET, &[rows, longest], &batch.token_offset),
        indexes(input::CUMULATIVE, &[rows + 1], &batch.cumulative),
    ];
    if let Some(mean) = mean {
        inputs.push(BoundInput { name: input::MEAN, shape: vec![rows, tokens], numbers: Numbers::F32(mean) });
    }
    session.run(&inputs, [rows, width]).map_err(|error| BatchError::runtime(&error))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use chorus_engine::onnx::{
        builder::{Dim, OnnxBuilder, int},
        proto::DataType,
    };

    use super::*;

    fn library() -> Library {
        let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let file = if cfg!(target_os = "macos") { "libonnxruntime.1.dylib" } else { "libonnxruntime.so.1" };
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules");
        let bundled = modules.join("onnxruntime-node/bin/napi-v6").join(platform).join(arch).join(file);
        let path = std::env::var_os("CHORUS_ORT_LIBRARY").map_or(bundled, PathBuf::from);
        Library::load(&path, 1).unwrap()
    }

    /// A graph with a model's inputs that a CPU can run. It answers a text with what it would have to read:
    /// its first id, that one's position, and the tokens of all texts.
    fn played(captures: bool) -> DeviceModel {
        let mut onnx = OnnxBuilder::new("played");
        let (tokens, texts) = ([Dim::Named("T")], [Dim::Named("B")]);
        let ids = onnx.input(input::IDS, DataType::Int32, &tokens);
        let positions = onnx.input(input::POSITIONS, DataType::Int32, &tokens);
        let first = onnx.input(input::FIRST, DataType::Int32, &texts);
        onnx.input(input::TOKEN_OFFSET, DataType::Int32, &[Dim::Named("B"), Dim::Named("S")]);
        let cumulative = onnx.input(input::CUMULATIVE, DataType::Int32, &[Dim::Named("B + 1")]);
        let last = onnx.constant("last", &[-1]);
        let all = onnx.node("Gather", "all", &[&cumulative, &last], vec![]);
        let column = onnx.constant("column", &[1]);
        let mut columns = Vec::new();
        for (name, table) in [("id", &ids), ("position", &positions)] {
            let values = onnx.node("Gather", name, &[table, &first], vec![]);
            columns.push(onnx.node("Unsqueeze", &format!("{name}/column"), &[&values, &column], vec![]));
        }
        let shape = onnx.node("Shape", "shape", &[&columns[0]], vec![]);
        columns.push(onnx.node("Expand", "all/column", &[&all, &shape], vec![]));
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let row = onnx.node("Concat", "row", &columns, vec![int("axis", 1)]);
        let row = onnx.node("Cast", "row/f32", &[&row], vec![int("to", DataType::Float as i64)]);
        onnx.output("output", &row, DataType::Float, &[Dim::Named("B"), Dim::Fixed(3)]);
        let options = BoundOptions { provider: Provider::Cpu, captures, directory: Path::new(".") };
        let session = BoundSession::new(library(), &onnx.finish(), &options).unwrap();
        let rule = PositionRule::BehindPadding { padding: 1 };
        DeviceModel::start(session, Plan { rule, width: 3, pools: false, captures }).unwrap()
    }

    #[test]
    fn answers_the_texts_of_a_batch_and_not_what_fills_it() {
        let texts: [&[u32]; 3] = [&[7, 9, 2], &[8, 2], &[5, 6, 6, 2]];
        let (exact, filled) = (played(false), played(true));
        assert_eq!(exact.run(&texts, &ThreadShare::new(1)).unwrap(), [7., 2., 9., 8., 2., 9., 5., 2., 9.]);
        assert_eq!(filled.run(&texts, &ThreadShare::new(1)).unwrap(), [7., 2., 64., 8., 2., 64., 5., 2., 64.]);
        assert_eq!((exact.computed_tokens(&texts), filled.computed_tokens(&texts)), (9, 64));
    }

    #[test]
    fn lanes_get_their_own_answers() {
        for captures in [false, true] {
            let model = played(captures);
            thread::scope(|scope| {
                for lane in 0..4_u32 {
                    let model = &model;
                    scope.spawn(move || {
                        for id in (lane * 1000)..(lane * 1000 + 50) {
                            let row = model.run(&[&[id + 2, 3]], &ThreadShare::new(1)).unwrap();
                            assert_eq!(row, [(id + 2) as f32, 2.0, if captures { 64.0 } else { 2.0 }]);
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn a_session_that_fails_answers_its_batch_with_the_error_and_goes_on() {
        let model = played(false);
        let broken = DeviceModel { plan: Plan { pools: true, ..model.plan }, jobs: model.jobs.clone(), thread: None };
        assert!(
            matches!(broken.run(&[&[5, 2]], &ThreadShare::new(1)), Err(BatchError::Runtime(_))),
            "an input that the graph lacks"
        );
        assert_eq!(model.run(&[&[5, 2]], &ThreadShare::new(1)).unwrap(), [5.0, 2.0, 2.0]);
    }
}
