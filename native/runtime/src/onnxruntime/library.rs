//! Loads the ONNX Runtime library, once per process.

use std::{panic, path::Path, sync::OnceLock};

use ort::{
    environment::{Environment, GlobalThreadPoolOptions},
    session::Session,
};
use parking_lot::Mutex;

use super::Provider;
use crate::error::{LoadError, first_line};

/// `ort` is built against this API (Cargo feature `api-24`), so older libraries are refused.
const OLDEST_MINOR: u32 = 24;

static LOADED: OnceLock<Loaded> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

struct Loaded {
    environment: Environment,
    minor_version: u32,
}

/// The loaded library and its process-wide environment.
#[derive(Clone, Copy)]
pub struct Library(&'static Loaded);

impl Library {
    /// Loads the library at `path`; later calls return the library that is already loaded.
    ///
    /// `threads` is the size of the thread pool that wide sessions share.
    pub fn load(path: &Path, threads: usize) -> Result<Self, LoadError> {
        let _guard = LOADING.lock();
        if let Some(loaded) = LOADED.get() {
            return Ok(Self(loaded));
        }
        let loaded = open(path, threads)?;
        Ok(Self(LOADED.get_or_init(|| loaded)))
    }

    pub fn environment(self) -> &'static Environment {
        &self.0.environment
    }

    /// The library's version, such as `1.30`.
    pub fn version(self) -> String {
        format!("1.{}", self.0.minor_version)
    }

    /// Whether `provider` starts on this machine with this library.
    pub fn check(self, provider: Provider) -> Result<(), LoadError> {
        let cannot_start = |error: ort::Error| {
            let problem = first_line(&error);
            let name = provider.name().to_uppercase();
            LoadError::Library(format!(
                "the {name} provider cannot start, which ONNX files need on a GPU; it takes an ONNX Runtime built \
                 for it, and the libraries that one needs: {problem}"
            ))
        };
        let builder = Session::builder(self.environment()).map_err(cannot_start)?;
        let registration = provider.registration();
        builder.with_execution_providers(registration.as_slice()).map(drop).map_err(|error| cannot_start(error.into()))
    }
}

fn open(path: &Path, threads: usize) -> Result<Loaded, LoadError> {
    let describe = |problem: String| LoadError::Library(format!("{}: {problem}", path.display()));
    if !path.is_file() {
        return Err(describe(format!(
            "no such library; install onnxruntime 1.{OLDEST_MINOR} or newer, or set CHORUS_ORT_LIBRARY to one"
        )));
    }
    // `probe` asserts on a library without an API, and building the environment on an API table that
    // the library does not offer; neither may take the process down.
    let found = panic::catch_unwind(|| ort::util::probe(path)).ok().flatten();
    let minor_version = found.ok_or_else(|| describe("not an ONNX Runtime library".to_owned()))?;
    if minor_version < OLDEST_MINOR {
        let problem = format!("version 1.{minor_version} is too old; 1.{OLDEST_MINOR} or newer is needed");
        return Err(describe(problem));
    }
    let build = || -> Result<Environment, String> {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        let pool = GlobalThreadPoolOptions::default()
            .with_intra_threads(threads)
            .and_then(|pool| pool.with_inter_threads(1))
            // Spinning workers would take the cores from lanes and from the JavaScript thread.
            .and_then(|pool| pool.with_spin_control(false))
            .map_err(|error| error.to_string())?;
        builder
            .with_name("chorus")
            .with_telemetry(false)
            .with_global_thread_pool(pool)
            .build()
            .map_err(|error| error.to_string())
    };
    let environment = panic::catch_unwind(build)
        .map_err(|_| describe("the library does not offer the API it claims".to_owned()))?
        .map_err(describe)?;
    Ok(Loaded { environment, minor_version })
}
