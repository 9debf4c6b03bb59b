//! Writes a checkpoint's tensors as one safetensors file.
//!
//! The same source gives the same bytes: tensors are ordered as the `safetensors` library orders them,
//! by type and then by name. Tensors that share a storage are written one by one, as the format wants.

use std::{cmp::Reverse, collections::HashMap, path::Path};

use safetensors::tensor::{Metadata, TensorInfo};

use super::{
    archive,
    destination::Destination,
    fault::Fault,
    gather::Gather,
    legacy,
    source::Source,
    state::{Checkpoint, View},
};
use crate::error::LoadError;

/// Shared and expanded tensors take more room than in the source. A few bytes can claim to be any
/// amount of them, so there is a limit: this many times the source, and as much again for small ones.
const MOST_GROWTH: u64 = 8;
const SMALL: u64 = 16 << 20;
/// The header's length is a multiple of this, so that the data is aligned.
const ALIGNMENT: usize = 8;
/// The `safetensors` library reads no longer header.
const LONGEST_HEADER: usize = 100_000_000;

/// A finished conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    pub tensors: usize,
    /// The length of the destination.
    pub bytes: u64,
    /// The hash of the destination, in hexadecimal.
    pub sha256: String,
}

/// Writes the tensors of `source`, a file of `torch.save`, to `destination` as safetensors.
///
/// The destination appears complete or not at all; one that is there is replaced. Takes a few MiB of
/// memory, whatever the size of the file.
pub fn convert(source: &Path, destination: &Path) -> Result<Converted, LoadError> {
    run(source, destination).map_err(|fault| fault.into_load_error(source, destination))
}

fn run(source: &Path, destination: &Path) -> Result<Converted, Fault> {
    let source = Source::open(source)?;
    let checkpoint = read(&source)?;
    let mut views = checkpoint.views()?;
    views.sort_by_key(|view| (Reverse(view.dtype), view.name));
    check_growth(&source, &views)?;
    let header = header(&views)?;

    let mut destination = Destination::create(destination)?;
    destination.write(&(header.len() as u64).to_le_bytes())?;
    destination.write(&header)?;
    let mut gather = Gather::new(&source);
    for view in &views {
        gather.copy(view, |piece| destination.write(piece))?;
    }
    let (bytes, sha256) = destination.finish()?;
    Ok(Converted { tensors: views.len(), bytes, sha256 })
}

fn read(source: &Source) -> Result<Checkpoint, Fault> {
    match source.array::<4>(0)? {
        Some(archive::MAGIC) => archive::read(source),
        Some([legacy::FIRST_BYTE, ..]) => legacy::read(source),
        Some(_) => Err(Fault::invalid("a file of torch.save", "something else")),
        None => Err(Fault::invalid("a file of torch.save", format!("{} bytes", source.length()))),
    }
}

fn check_growth(source: &Source, views: &[View]) -> Result<(), Fault> {
    let most = source.length().saturating_mul(MOST_GROWTH).saturating_add(SMALL);
    let total = views.iter().try_fold(0_u64, |total, view| total.checked_add(view.length));
    match total {
        Some(total) if total <= most => Ok(()),
        Some(total) => Err(Fault::invalid(format!("tensors of at most {most} bytes in all"), total.to_string())),
        None => Err(Fault::invalid(format!("tensors of at most {most} bytes in all"), "more than can be counted")),
    }
}

fn header(views: &[View]) -> Result<Vec<u8>, Fault> {
    let unfit = |error: String| Fault::invalid("tensors that fit a safetensors header", error);
    let mut end = 0;
    let tensors = views.iter().map(|view| {
        let start = end;
        end += view.length as usize;
        let shape = view.shape.iter().map(|&size| size as usize).collect();
        (view.name.to_owned(), TensorInfo { dtype: view.dtype, shape, data_offsets: (start, end) })
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(metadata), tensors.collect()).map_err(|error| unfit(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| unfit(error.to_string()))?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    if views.iter().any(|view| view.name == "__metadata__") {
        return Err(unfit("one with the name `__metadata__`".to_owned()));
    }
    if header.len() > LONGEST_HEADER {
        return Err(unfit(format!("{} bytes of names and shapes", header.len())));
    }
    Ok(header)
}
