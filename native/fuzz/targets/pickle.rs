//! `pytorch_model.bin`: what is converted is a safetensors file that its library reads.
#![no_main]

use std::fs;

use chorus_fuzz::Folder;
use chorus_runtime::checkpoint::torch::convert;
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

const PICKLED: &str = "pytorch_model.bin";

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let folder = Folder::of(&[(PICKLED, input)]);
    let stored = folder.path().join("model.safetensors");
    match convert(&folder.path().join(PICKLED), &stored) {
        Ok(converted) => {
            let bytes = fs::read(&stored).expect("a file that was written");
            assert_eq!(bytes.len() as u64, converted.bytes);
            let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
            assert_eq!(tensors.len(), converted.tensors);
        }
        Err(_) => assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind"),
    }
});
