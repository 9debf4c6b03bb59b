//! Writes pickles by hand, for files that PyTorch never would write.

/// The magic number, version and machine of the format before PyTorch 1.6.
pub fn legacy(object: &[u8], keys: &[&str], data: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    let system = [b"\x80\x02}".to_vec(), text("little_endian"), b"\x88s.".to_vec()].concat();
    let keys = keys.iter().flat_map(|key| [text(key), b"a".to_vec()].concat()).collect();
    let keys = [b"\x80\x02]".to_vec(), keys, b".".to_vec()].concat();
    let object = [b"\x80\x02", object, b"."].concat();
    [magic, b"\x80\x02M\xe9\x03.".to_vec(), system, object, keys, data.to_vec()].concat()
}

/// A file with one storage of `f32`, `0`, and this state dict of one tensor, `x`.
pub fn one_tensor(tensor: &[u8], elements: &[f32]) -> Vec<u8> {
    let count = (elements.len() as i64).to_le_bytes().to_vec();
    let data: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
    legacy(&dict(&[("x", tensor.to_vec())]), &["0"], &[count, data].concat())
}

pub fn text(text: &str) -> Vec<u8> {
    [b"X", (text.len() as u32).to_le_bytes().as_slice(), text.as_bytes()].concat()
}

pub fn int(number: i64) -> Vec<u8> {
    [b"\x8a\x08".as_slice(), &number.to_le_bytes()].concat()
}

pub fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), items.concat(), b"t".to_vec()].concat()
}

pub fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> =
        items.iter().flat_map(|(key, value)| [text(key), value.clone(), b"s".to_vec()].concat()).collect();
    [b"}".to_vec(), items].concat()
}

pub fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

pub fn call(module: &str, name: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
    [global(module, name), tuple(arguments), b"R".to_vec()].concat()
}

/// The storage `0` of that many `f32`; `view` is None, or a pickled tuple.
pub fn storage(elements: i64, view: Option<Vec<u8>>) -> Vec<u8> {
    let view = view.unwrap_or_else(|| b"N".to_vec());
    let kind = global("torch", "FloatStorage");
    [tuple(&[text("storage"), kind, text("0"), text("cpu"), int(elements), view]), b"Q".to_vec()].concat()
}

pub fn tensor(storage: Vec<u8>, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let numbers = |numbers: &[i64]| tuple(&numbers.iter().map(|&number| int(number)).collect::<Vec<_>>());
    let hooks = call("collections", "OrderedDict", &[]);
    let arguments = [storage, int(offset), numbers(shape), numbers(strides), b"\x89".to_vec(), hooks];
    call("torch._utils", "_rebuild_tensor_v2", &arguments)
}
