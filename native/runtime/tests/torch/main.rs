//! `pytorch_model.bin` to safetensors: files that PyTorch wrote (fixtures.py), and files it never would.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod hostile;
mod pickler;
mod views;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chorus_runtime::checkpoint::torch::{Converted, convert};

const EXPECTED: &str = "expected.safetensors";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torch/fixtures").join(name)
}

/// Converts `source`; returns the destination's bytes, or the message without the path.
fn converted(source: &Path) -> Result<(Converted, Vec<u8>), String> {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("model.safetensors");
    let result = convert(source, &destination);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    match result {
        Ok(converted) => {
            assert_eq!(left, [destination.as_path()], "nothing but the destination");
            Ok((converted, fs::read(destination).unwrap()))
        }
        Err(error) => {
            assert!(left.is_empty(), "nothing is left after an error");
            let message = error.to_string();
            assert_eq!(message.lines().count(), 1, "{message}");
            let path = format!("{}: ", source.display());
            Err(message.strip_prefix(&path).expect("the message begins with the path").to_owned())
        }
    }
}

/// The same for a file with these bytes.
fn converted_bytes(bytes: &[u8]) -> Result<(Converted, Vec<u8>), String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("pytorch_model.bin");
    fs::write(&source, bytes).unwrap();
    converted(&source)
}

#[test]
fn every_format_becomes_the_file_that_the_safetensors_library_writes() {
    let expected = fs::read(fixture(EXPECTED)).unwrap();
    let names = [
        "archive.bin",
        "legacy-protocol-4.bin",
        "legacy.bin",
        "protocol-3.bin",
        "protocol-4.bin",
        "protocol-5.bin",
        "wrapped.bin",
        "zip64.bin",
    ];
    for name in names {
        let (converted, bytes) = converted(&fixture(name)).unwrap();
        assert!(bytes == expected, "{name}");
        assert_eq!(converted.tensors, 23, "{name}");
        assert_eq!(converted.bytes, expected.len() as u64, "{name}");
    }
}

#[test]
fn the_hash_is_that_of_the_destination() {
    // sha256sum expected.safetensors
    let hash = "933bf78c0d220735a6b08fda53da90fd4e4e69bfd5f9f13c5644a96b887eb887";
    assert_eq!(converted(&fixture("archive.bin")).unwrap().0.sha256, hash);
}

#[test]
fn archives_that_torch_does_not_write_are_refused() {
    let error = |name| converted(&fixture(name)).unwrap_err();
    assert_eq!(error("big-endian.bin"), "expected the byte order `little`, found another in `byteorder`");
    assert_eq!(error("compressed.bin"), "expected stored entries, found `archive/byteorder` compressed or encrypted");
    assert_eq!(error(EXPECTED), "expected a file of torch.save, found something else");
}

#[test]
fn a_destination_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = convert(&fixture("archive.bin"), &folder.path().join("missing/model.safetensors")).unwrap_err();
    assert_eq!(error.code(), "unwritable_file");
    assert!(error.to_string().contains("missing/model.safetensors"), "{error}");
    let error = convert(&folder.path().join("absent.bin"), &folder.path().join("model.safetensors")).unwrap_err();
    assert_eq!(error.code(), "unreadable_file");
}

#[test]
fn a_destination_that_is_there_is_replaced_and_can_be_read_by_others() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("model.safetensors");
    fs::write(&destination, "old").unwrap();
    let ordinary = fs::metadata(&destination).unwrap().permissions().mode();
    convert(&fixture("archive.bin"), &destination).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), fs::read(fixture(EXPECTED)).unwrap());
    assert_eq!(fs::metadata(&destination).unwrap().permissions().mode(), ordinary);
}
