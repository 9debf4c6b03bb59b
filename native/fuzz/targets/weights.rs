//! Safetensors, `model.safetensors`: every tensor lies in its file. The same bytes once more as the list of shards.
#![no_main]

use chorus_fuzz::Folder;
use chorus_runtime::checkpoint::WeightFiles;
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let folder = Folder::of(&[("model.safetensors", input)]);
    if let Ok(weights) = WeightFiles::open(folder.path()) {
        let (_, header) = SafeTensors::read_metadata(input).expect("a header, as it was read");
        for name in header.tensors().keys() {
            let Some(tensor) = weights.index.get(name) else { continue };
            let bytes = weights.bytes(&tensor.data).expect("a place in its file");
            assert_eq!(bytes.len(), tensor.shape.iter().product::<usize>() * tensor.dtype.size(), "{name}");
        }
    }
    let folder = Folder::of(&[("model.safetensors.index.json", input)]);
    let _ = WeightFiles::open(folder.path());
});
