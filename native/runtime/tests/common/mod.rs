//! Where the project's files are, for tests of the whole runtime.

use std::path::{Path, PathBuf};

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// ONNX Runtime's library: `CHORUS_ORT_LIBRARY`, or that of the npm package.
pub fn ort_library() -> PathBuf {
    let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let file = if cfg!(target_os = "macos") { "libonnxruntime.1.dylib" } else { "libonnxruntime.so.1" };
    let bundled = project().join("node_modules/onnxruntime-node/bin/napi-v6").join(platform).join(arch).join(file);
    std::env::var_os("CHORUS_ORT_LIBRARY").map_or(bundled, PathBuf::from)
}
