//! How each size of product is computed.
//!
//! cuBLASLt proposes algorithms for a size, the likely fastest first. Two things decide which is taken:
//!
//! - **Numbers.** Its first rows must be those of the smallest product, bit for bit, so that a text's scores do not
//!   depend on how much else is in the batch.
//! - **Time.** Large products in half precision try all that are left, on the batch that is being computed: the best of
//!   eight was up to a tenth faster than the first on an H200. Small ones take the first; they are bound by their launch.

use std::{collections::HashMap, mem::MaybeUninit, sync::Arc};

use cudarc::{
    cublaslt::{
        result,
        sys::{
            cublasLtHandle_t, cublasLtMatmulAlgo_t, cublasLtMatmulAlgoGetHeuristic, cublasLtMatmulHeuristicResult_t,
        },
    },
    driver::sys::CUevent_flags,
};
use parking_lot::Mutex;

use crate::{
    descriptors::{Layout, Wishes},
    device::Queue,
    element::Element,
    error::CudaError,
    linear::{Linear, ROWS},
    memory::Buffer,
};

/// Algorithms are timed for each so many rows; between them, what was best for the next fewer is taken.
const TIMED_STEP: usize = 512;
/// As many as cuBLASLt gives for one size.
const CANDIDATES: usize = 8;
/// Runs of a candidate, of which the fastest counts.
const RUNS: usize = 3;

/// What a plan is for, in any model.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub biased: bool,
    pub element: &'static str,
}

/// How a product of a size is computed.
pub struct Plan {
    pub input: Layout,
    pub output: Layout,
    pub algorithm: cublasLtMatmulAlgo_t,
}

// SAFETY: an algorithm is plain numbers that cuBLASLt has chosen.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

/// The plans of a device, shared by all models.
pub struct Plans {
    handle: cublasLtHandle_t,
    made: Mutex<HashMap<Size, Arc<Plan>>>,
    /// One at a time makes plans: two would spoil each other's times.
    making: Mutex<()>,
}

// SAFETY: cuBLASLt documents its handle as usable from several threads at once.
unsafe impl Send for Plans {}
// SAFETY: as above.
unsafe impl Sync for Plans {}

impl Plans {
    pub fn new() -> Result<Self, CudaError> {
        Ok(Self { handle: result::create_handle()?, made: Mutex::default(), making: Mutex::default() })
    }

    pub fn handle(&self) -> cublasLtHandle_t {
        self.handle
    }

    pub fn get(&self, size: &Size) -> Option<Arc<Plan>> {
        self.made.lock().get(size).cloned()
    }

    /// Makes the plan for `size`, trying it out on `input`; `output` is overwritten.
    pub fn make<T: Element>(
        &self,
        linear: &Linear<T>,
        queue: &Queue,
        size: Size,
        input: &Buffer<T>,
        output: &mut Buffer<T>,
    ) -> Result<Arc<Plan>, CudaError> {
        let _turn = self.making.lock();
        if let Some(plan) = self.get(&size) {
            return Ok(plan);
        }
        let plan = Arc::new(self.find(linear, queue, size, input, output)?);
        self.made.lock().insert(size, Arc::clone(&plan));
        Ok(plan)
    }

    fn find<T: Element>(
        &self,
        linear: &Linear<T>,
        queue: &Queue,
        size: Size,
        input: &Buffer<T>,
        output: &mut Buffer<T>,
    ) -> Result<Plan, CudaError> {
        let layouts = layouts::<T>(size)?;
        let mut proposed = self.propose(linear, &layouts)?;
        let timed = T::TIMED && size.rows >= TIMED_STEP && size.rows.is_multiple_of(TIMED_STEP);
        let below = Size { rows: size.rows / TIMED_STEP * TIMED_STEP, ..size };
        if !timed && let Some(plan) = self.get(&below) {
            proposed.insert(0, plan.algorithm);
        }
        let expected = if size.rows == ROWS { None } else { Some(self.smallest(linear, queue, size, input, output)?) };
        let mut best: Option<(f32, cublasLtMatmulAlgo_t)> = None;
        for algorithm in &proposed {
            let mut run = || linear.run_with(queue, &layouts.0, input, &layouts.1, output, algorithm);
            // One that is proposed may still not run.
            if run().is_err() {
                continue;
            }
            let time = if timed { fastest(queue, run)? } else { 0.0 };
            let same = match &expected {
                Some(numbers) => &output.fetch(queue, numbers.len())? == numbers,
                None => true,
            };
            if same && best.is_none_or(|(least, _)| time < least) {
                best = Some((time, *algorithm));
            }
            if same && !timed {
                break;
            }
        }
        // Where none gives the same numbers, the first is as good as any.
        let algorithm = best.map_or(proposed[0], |(_, algorithm)| algorithm);
        Ok(Plan { input: layouts.0, output: layouts.1, algorithm })
    }

    /// The rows of the smallest product of the same kind, computed in the way that is first proposed for it.
    fn smallest<T: Element>(
        &self,
        linear: &Linear<T>,
        queue: &Queue,
        size: Size,
        input: &Buffer<T>,
        output: &mut Buffer<T>,
    ) -> Result<Vec<T>, CudaError> {
        let layouts = layouts::<T>(Size { rows: ROWS, ..size })?;
        let first = self.propose(linear, &layouts)?[0];
        linear.run_with(queue, &layouts.0, input, &layouts.1, output, &first)?;
        output.fetch(queue, ROWS * size.outputs)
    }

    /// Algorithms for the layouts, the likely fastest first; at least one.
    fn propose<T: Element>(
        &self,
        linear: &Linear<T>,
        (input, output): &(Layout, Layout),
    ) -> Result<Vec<cublasLtMatmulAlgo_t>, CudaError> {
        let wishes = Wishes::undivided()?;
        let mut found = [const { MaybeUninit::<cublasLtMatmulHeuristicResult_t>::uninit() }; CANDIDATES];
        let mut count = 0;
        // SAFETY: every handle was made by cuBLASLt and lives; there is room for as many results as are asked for.
        unsafe {
            cublasLtMatmulAlgoGetHeuristic(
                self.handle,
                linear.description.0,
                linear.weights_layout.handle,
                input.handle,
                output.handle,
                output.handle,
                wishes.0,
                CANDIDATES as i32,
                found.as_mut_ptr().cast(),
                &raw mut count,
            )
            .result()?;
        }
        // SAFETY: cuBLASLt has written the first `count`.
        let found = found[..count as usize].iter().map(|result| unsafe { result.assume_init_ref() });
        let usable: Vec<_> = found.filter(|result| result.state.result().is_ok()).map(|result| result.algo).collect();
        if usable.is_empty() {
            return Err(CudaError::Unsupported("no algorithm of cuBLASLt fits a product of this model".to_owned()));
        }
        Ok(usable)
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        // SAFETY: the handle was made in `new` and nothing uses it any more. A failure to destroy it leaves
        // nothing to do.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// Those of the input and of the output.
fn layouts<T: Element>(size: Size) -> Result<(Layout, Layout), CudaError> {
    Ok((Layout::new::<T>(size.inputs, size.rows)?, Layout::new::<T>(size.outputs, size.rows)?))
}

/// Milliseconds of the fastest of some runs.
fn fastest(queue: &Queue, mut run: impl FnMut() -> Result<(), CudaError>) -> Result<f32, CudaError> {
    let event = || queue.device.context.new_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
    let (begin, end) = (event()?, event()?);
    let mut best = f32::MAX;
    for _ in 0..RUNS {
        begin.record(&queue.stream)?;
        run()?;
        end.record(&queue.stream)?;
        best = best.min(begin.elapsed_ms(&end)?);
    }
    Ok(best)
}
