//! Files made to harm: they end in an error of one line, and never in a panic or a full memory.

use std::{fs, iter};

use proptest::prelude::*;

use crate::{
    converted_bytes, fixture,
    pickler::{call, dict, global, int, legacy, one_tensor, storage, tensor, text, tuple},
};

/// The error of a file whose object is this pickle.
fn error(object: &[u8]) -> String {
    converted_bytes(&legacy(object, &[], &[])).unwrap_err()
}

fn refused(found: &str) -> String {
    format!("expected a state dict of tensors only, found {found}")
}

#[test]
fn code_is_refused_by_name_before_it_is_called() {
    let stack_global = |module, name| [text(module), text(name), b"\x93".to_vec()].concat();
    let cases = [
        (call("posix", "system", &[text("true")]), "the global `posix.system`"),
        (global("os", "system"), "the global `os.system`"),
        (stack_global("os", "system"), "the global `os.system`"),
        (global("builtins", "eval"), "the global `builtins.eval`"),
        (global("torch._utils", "_rebuild_tensor_v3"), "the global `torch._utils._rebuild_tensor_v3`"),
        (global("collections", "OrderedDict.pop"), "the global `collections.OrderedDict.pop`"),
        (global("a\u{1b}[2J", &"x".repeat(500)), &format!("the global `a\\u{{1b}}[2J.{}…`", "x".repeat(94))),
        (global("m", &"x".repeat(5000)), "a name longer than any"),
        ([int(1), int(2), b"\x93".to_vec()].concat(), "a global without a name"),
        // A code from the extension registry, an instance and an object of protocol 0 and 2.
        (b"\x82\x01".to_vec(), "the pickle instruction 0x82"),
        (b"(ios\nsystem\n".to_vec(), "the pickle instruction 0x69"),
        ([global("collections", "OrderedDict"), b")\x81".to_vec()].concat(), "the pickle instruction 0x81"),
    ];
    for (object, found) in cases {
        assert_eq!(error(&object), refused(found));
    }
}

#[test]
fn calls_of_anything_but_the_known_functions_are_refused() {
    let nothing = tuple(&[]);
    let cases = [
        ([text("posix"), nothing.clone(), b"R".to_vec()].concat(), "a call of something that is no function"),
        ([global("torch", "FloatStorage"), nothing, b"R".to_vec()].concat(), "a call of something that is no function"),
        ([global("torch", "Size"), int(1), b"R".to_vec()].concat(), "a call without arguments"),
        (call("torch", "Size", &[int(1)]), "a malformed Size"),
        (call("collections", "OrderedDict", &[b"](K\x01e".to_vec()]), "a malformed OrderedDict"),
        (call("torch._utils", "_rebuild_tensor_v2", &[int(1)]), "a malformed RebuildTensor"),
        (call("torch._utils", "_rebuild_parameter", &[int(1), int(1), int(1)]), "a malformed RebuildParameter"),
        ([global("torch", "Size"), b"}b".to_vec()].concat(), "attributes of something that is no dict"),
    ];
    for (object, found) in cases {
        assert_eq!(error(&object), refused(found));
    }
}

#[test]
fn a_damaged_pickle_is_an_error() {
    let under = "a pickle that takes more from its stack than is there";
    let cases = [
        (b"".to_vec(), under),
        (b"t".to_vec(), under),
        (b"N(s".to_vec(), under),
        (b"N(0".to_vec(), under),
        (b"}Nb(\x85".to_vec(), under),
        (b"q\x00".to_vec(), under),
        (b"h\x07".to_vec(), "a use of memo 7, which is not set"),
        (b"NNa".to_vec(), "items for something that is no list"),
        (b"NNNs".to_vec(), "entries for something that is no dict"),
        (b"}(Nu".to_vec(), "a key without a value"),
        (b"NQ".to_vec(), "a malformed storage"),
        ([tuple(&[text("module"), int(1), int(2), int(3)]), b"Q".to_vec()].concat(), "a malformed storage"),
        (b"\x80\x06".to_vec(), "the pickle protocol 6"),
        (b"X\x01\x00\x00\x00\xff".to_vec(), "a text that is not UTF-8"),
        (b"N".to_vec(), "another object"),
        (
            [b"}".to_vec(), int(1), tensor(storage(1, None), 0, &[], &[]), b"s".to_vec()].concat(),
            "a tensor whose name is no text",
        ),
    ];
    for (object, found) in cases {
        let data = [1_i64.to_le_bytes().as_slice(), &[0; 4]].concat();
        let keys: &[&str] = if found.contains("name") { &["0"] } else { &[] };
        assert_eq!(converted_bytes(&legacy(&object, keys, &data)).unwrap_err(), refused(found));
    }
    assert_eq!(error(b"}"), "expected a state dict of tensors, found a dict without any");
}

#[test]
fn declared_sizes_take_no_memory() {
    let huge = 1_u64 << 60;
    for opcode in [0x8d, 0x8e, 0x96] {
        let object = [&[opcode], huge.to_le_bytes().as_slice()].concat();
        assert_eq!(error(&object), format!("expected texts of at most 1048576 bytes, found one of {huge}"));
    }
    for opcode in [b'X', b'B', b'T', 0x8b] {
        let object = [&[opcode], u32::MAX.to_le_bytes().as_slice()].concat();
        assert_eq!(error(&object), format!("expected texts of at most 1048576 bytes, found one of {}", u32::MAX));
    }
}

#[test]
fn endless_nesting_neither_recurses_nor_grows_without_bound() {
    let deep: Vec<u8> = iter::repeat_n(b'\x85', 1_000_000).collect();
    assert_eq!(error(&[b"N".to_vec(), deep].concat()), refused("another object"));
    let marks = vec![b'('; 1_000_000];
    assert_eq!(error(&marks), refused("a pickle that takes more from its stack than is there"));
    let bound = "expected a pickle of at most 2097152 instructions, found a longer one";
    for endless in [b"]".as_slice(), b"N", b"(", b"(t0", b"]0"] {
        let object: Vec<u8> = endless.iter().copied().cycle().take(3 << 20).collect();
        assert_eq!(error(&object), bound);
    }
    let long = [b"0".to_vec(), text(&"x".repeat(1 << 20))].concat().repeat(20);
    let object = [b"N".to_vec(), long].concat();
    assert_eq!(error(&object), "expected a pickle of at most 16777216 bytes, found a longer one");
}

#[test]
fn what_the_memo_multiplies_is_held_once() {
    // A list of 100,000 items and a key of 1 MiB, each used a hundred thousand times.
    let list = [b"](".to_vec(), vec![b'N'; 100_000], b"eq\x00".to_vec()].concat();
    let sizes = b"h\x01(h\x00tR0".repeat(100_000);
    let object = [global("torch", "Size"), b"q\x01".to_vec(), list, sizes].concat();
    assert_eq!(error(&object), refused("another object"));

    let id =
        tuple(&[text("storage"), global("torch", "FloatStorage"), text(&"k".repeat(1 << 20)), text("cpu"), int(1)]);
    let object = [id, b"q\x00".to_vec(), b"h\x00Q0".repeat(100_000), b"}".to_vec()].concat();
    let data = [1_i64.to_le_bytes().as_slice(), &[0; 4]].concat();
    let result = converted_bytes(&legacy(&object, &["0"], &data));
    assert_eq!(result.unwrap_err(), "expected storages that tensors use, found `0`");

    let one = [storage(1, None), b"q\x00".to_vec(), tensor(b"h\x00".to_vec(), 0, &[], &[])].concat();
    let arguments = [tuple(&[b"h\x00".to_vec(), int(0), b"))".to_vec(), b"NN".to_vec()]), b"q\x01".to_vec()].concat();
    let function = [global("torch._utils", "_rebuild_tensor_v2"), b"q\x02".to_vec()].concat();
    let object = [one, function, arguments, b"h\x02h\x01R0".repeat(70_000)].concat();
    assert_eq!(error(&object), "expected at most 65536 tensors, found more");
}

#[test]
fn a_dict_that_contains_itself_is_no_trouble() {
    let x = tensor(storage(1, None), 0, &[], &[]);
    let object = [b"}q\x09".to_vec(), text("state_dict"), b"h\x09s".to_vec(), text("x"), x, b"s".to_vec()].concat();
    let data = [1_i64.to_le_bytes().as_slice(), &[0; 4]].concat();
    assert_eq!(converted_bytes(&legacy(&object, &["0"], &data)).unwrap().0.tensors, 1);
}

#[test]
fn names_that_safetensors_cannot_hold_are_refused() {
    let object = dict(&[("__metadata__", tensor(storage(1, None), 0, &[], &[]))]);
    let data = [1_i64.to_le_bytes().as_slice(), &[0; 4]].concat();
    let error = converted_bytes(&legacy(&object, &["0"], &data)).unwrap_err();
    assert_eq!(error, "expected tensors that fit a safetensors header, found one with the name `__metadata__`");
}

#[test]
fn files_that_are_something_else_are_named_so() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "expected a file of torch.save, found 0 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\n", "expected a file of torch.save, found something else"),
        (b"\x80\x02K\x01.", "expected the magic number of torch.save, found another pickle"),
        (b"\x80\x02}q", "expected a complete file, found its end in the middle of the pickle"),
        (b"PK\x03\x04", "expected a complete zip archive, found no directory at its end; the file may be cut off"),
        (
            &[b"PK\x03\x04".as_slice(), b"PK\x05\x06", &[0; 18]].concat(),
            "expected an archive of torch.save with a data.pkl, found a zip archive without it",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(converted_bytes(bytes).unwrap_err(), expected);
    }
    let big_endian = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x89s.";
    let file = one_tensor(&tensor(storage(1, None), 0, &[], &[]), &[1.0]);
    let (head, rest) = file.split_at(15 + 6);
    let swapped = [head, big_endian, &rest[big_endian.len()..]].concat();
    assert_eq!(converted_bytes(&swapped).unwrap_err(), "expected little-endian data, found another byte order");
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    for name in ["archive.bin", "legacy.bin", "zip64.bin"] {
        let bytes = fs::read(fixture(name)).unwrap();
        for length in 0..bytes.len() {
            assert!(converted_bytes(&bytes[..length]).is_err(), "{name} cut at {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn changed_bytes_never_cause_a_panic(
        name in prop::sample::select(&["archive.bin", "legacy.bin", "protocol-5.bin", "zip64.bin"][..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = fs::read(fixture(name)).unwrap();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = converted_bytes(&bytes);
    }

    #[test]
    fn any_pickle_is_an_error_or_a_state_dict(object in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = converted_bytes(&legacy(&object, &[], &[]));
    }

    #[test]
    fn any_sequence_of_instructions_is_an_error_or_a_state_dict(
        object in prop::collection::vec(prop::sample::select(b"(01)]}NKhq\x00\x01\x85\x86\x87\x88\x94tRsuaebQ.".as_slice()), 0..200),
    ) {
        let _ = converted_bytes(&legacy(&object, &[], &[]));
    }
}
