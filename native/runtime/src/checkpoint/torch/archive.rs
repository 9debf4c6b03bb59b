//! The zip archive that `torch.save` writes since PyTorch 1.6.
//!
//! `<name>/data.pkl` is the pickle, `<name>/data/<key>` one storage, `<name>/byteorder` says `little`.
//! Entries are stored, not compressed, so a storage is a region of the file. This reads the directory
//! of such an archive and nothing more of the format (PKWARE's APPNOTE.TXT, whose section is noted at
//! each record): general readers trust the number of entries an archive declares when they allocate.

use std::collections::BTreeMap;

use super::{
    fault::{Fault, quote},
    pickle::{self, Input},
    source::{Region, Source},
    state::Checkpoint,
};

/// How the file starts: a local header, 4.3.7.
pub const MAGIC: [u8; 4] = *b"PK\x03\x04";
/// The end of the central directory, 4.3.16: its length without the comment.
const END: usize = 22;
/// The longest comment behind it.
const LONGEST_COMMENT: u64 = u16::MAX as u64;
/// The ZIP64 locator, 4.3.15, lies right before the end.
const LOCATOR: u64 = 20;
/// An entry of the central directory, 4.3.12, without its variable fields.
const HEADER: usize = 46;
/// A local header, 4.3.7, without its variable fields.
const LOCAL_HEADER: usize = 30;
/// A directory takes about 100 bytes for each tensor.
const LONGEST_DIRECTORY: u64 = 16 << 20;
/// Stands for a number that is in the ZIP64 field.
const IN_ZIP64: u64 = u32::MAX as u64;

pub fn read(source: &Source) -> Result<Checkpoint, Fault> {
    let archive = Archive { source, entries: entries(source)? };
    let name = archive.name()?;
    archive.check_byte_order(name)?;
    let mut input = Input::new(source, archive.region(&format!("{name}/data.pkl"))?);
    let (heap, root) = pickle::load(&mut input)?;

    let mut found: BTreeMap<&str, Region> = BTreeMap::new();
    let mut regions = Vec::with_capacity(heap.storages.len());
    for storage in &heap.storages {
        let key = heap.key(storage);
        let region = match found.get(key) {
            Some(region) => *region,
            None => archive.region(&format!("{name}/data/{key}"))?,
        };
        found.insert(key, region);
        regions.push(region);
    }
    Ok(Checkpoint { heap, root, regions })
}

struct Archive<'a> {
    source: &'a Source,
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Stored as it is: neither compressed nor encrypted.
    plain: bool,
    header: u64,
    length: u64,
}

impl Archive<'_> {
    /// The folder all entries are in.
    fn name(&self) -> Result<&str, Fault> {
        let mut names = self.entries.keys().filter_map(|entry| match entry.split_once('/') {
            Some((name, "data.pkl")) => Some(name),
            _ => None,
        });
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(name),
            (None, _) => Err(Fault::invalid("an archive of torch.save with a data.pkl", "a zip archive without it")),
            (Some(_), Some(_)) => Err(Fault::invalid("one data.pkl", "several")),
        }
    }

    /// Archives from before PyTorch 2.1 do not say it; they are little-endian.
    fn check_byte_order(&self, name: &str) -> Result<(), Fault> {
        let entry = format!("{name}/byteorder");
        if !self.entries.contains_key(&entry) {
            return Ok(());
        }
        let region = self.region(&entry)?;
        let is_little = region.length == 6 && self.source.array(region.offset)? == Some(*b"little");
        if is_little { Ok(()) } else { Err(Fault::invalid("the byte order `little`", "another in `byteorder`")) }
    }

    /// Where the contents of `name` lie.
    fn region(&self, name: &str) -> Result<Region, Fault> {
        let entry = self.entries.get(name);
        let entry = entry.ok_or_else(|| Fault::invalid(format!("an entry {}", quote(name)), "none in the archive"))?;
        if !entry.plain {
            return Err(Fault::invalid("stored entries", format!("{} compressed or encrypted", quote(name))));
        }
        let header = self.source.array::<LOCAL_HEADER>(entry.header)?.filter(|header| header.starts_with(&MAGIC));
        let region = header.and_then(|header| {
            let variable = u64::from(le16(&header, 26)?) + u64::from(le16(&header, 28)?);
            let offset = entry.header.checked_add(LOCAL_HEADER as u64 + variable)?;
            Some(Region { offset, length: entry.length })
        });
        let region = region.filter(|&region| self.source.holds(region));
        region.ok_or_else(|| Fault::invalid(format!("the contents of {} in the file", quote(name)), "a part of them"))
    }
}

/// The central directory, by name.
fn entries(source: &Source) -> Result<BTreeMap<String, Entry>, Fault> {
    let directory = directory(source)?;
    let mut rest = directory.as_slice();
    let mut entries = BTreeMap::new();
    while !rest.is_empty() {
        let (name, entry, behind) = entry(rest).ok_or_else(damaged)?;
        entries.insert(name, entry);
        rest = behind;
    }
    Ok(entries)
}

fn entry(bytes: &[u8]) -> Option<(String, Entry, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().filter(|(header, _)| header.starts_with(b"PK\x01\x02"))?;
    let (name, rest) = rest.split_at_checked(le16(header, 28)?.into())?;
    let (extra, rest) = rest.split_at_checked(le16(header, 30)?.into())?;
    let (_comment, rest) = rest.split_at_checked(le16(header, 32)?.into())?;
    let [length, stored, local_header] = sizes(header, extra)?;
    let (encrypted, method) = (le16(header, 8)? & 1, le16(header, 10)?);
    let plain = encrypted == 0 && method == 0 && length == stored;
    Some((String::from_utf8_lossy(name).into_owned(), Entry { plain, header: local_header, length }, rest))
}

/// Length, stored length and the local header's position; from the ZIP64 field, 4.5.3, where they do
/// not fit the header.
fn sizes(header: &[u8], extra: &[u8]) -> Option<[u64; 3]> {
    let mut sizes = [24, 20, 42].map(|at| le32(header, at).map_or(IN_ZIP64, u64::from));
    let mut zip64 = zip64_field(extra);
    for size in sizes.iter_mut().filter(|size| **size == IN_ZIP64) {
        *size = le64(zip64?, 0)?;
        zip64 = zip64.and_then(|field| field.get(8..));
    }
    Some(sizes)
}

fn zip64_field(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (id, length) = (le16(extra, 0)?, le16(extra, 2)?);
        let (field, rest) = extra.get(4..)?.split_at_checked(length.into())?;
        if id == 1 {
            return Some(field);
        }
        extra = rest;
    }
}

/// The bytes of the central directory.
fn directory(source: &Source) -> Result<Vec<u8>, Fault> {
    let region = find_directory(source)?.filter(|&region| source.holds(region)).ok_or_else(damaged)?;
    if region.length > LONGEST_DIRECTORY {
        let found = format!("one of {}", region.length);
        return Err(Fault::invalid(format!("a zip directory of at most {LONGEST_DIRECTORY} bytes"), found));
    }
    let mut bytes = vec![0; region.length as usize];
    source.read(region.offset, &mut bytes)?;
    Ok(bytes)
}

fn find_directory(source: &Source) -> Result<Option<Region>, Fault> {
    let length = source.length().min(END as u64 + LONGEST_COMMENT);
    let mut tail = vec![0; length as usize];
    let offset = source.length() - length;
    source.read(offset, &mut tail)?;
    let ends_here = |at: &usize| {
        let comment = tail.get(*at..).filter(|end| end.starts_with(b"PK\x05\x06")).and_then(|end| le16(end, 20));
        comment.is_some_and(|comment| at + END + usize::from(comment) == tail.len())
    };
    let Some(at) = (0..tail.len()).rev().find(ends_here) else { return Ok(None) };
    let end = &tail[at..];
    let (Some(size), Some(start)) = (le32(end, 12), le32(end, 16)) else { return Ok(None) };
    if u64::from(size) == IN_ZIP64 || u64::from(start) == IN_ZIP64 || le16(end, 10) == Some(u16::MAX) {
        return find_zip64_directory(source, offset + at as u64);
    }
    Ok(Some(Region { offset: start.into(), length: size.into() }))
}

/// From the ZIP64 end of the central directory, 4.3.14.
fn find_zip64_directory(source: &Source, end: u64) -> Result<Option<Region>, Fault> {
    let Some(locator) = end.checked_sub(LOCATOR) else { return Ok(None) };
    let locator = source.array::<{ LOCATOR as usize }>(locator)?.filter(|bytes| bytes.starts_with(b"PK\x06\x07"));
    let Some(end) = locator.and_then(|locator| le64(&locator, 8)) else { return Ok(None) };
    let end = source.array::<56>(end)?.filter(|bytes| bytes.starts_with(b"PK\x06\x06"));
    Ok(end.and_then(|end| Some(Region { offset: le64(&end, 48)?, length: le64(&end, 40)? })))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

fn damaged() -> Fault {
    Fault::invalid("a complete zip archive", "no directory at its end; the file may be cut off")
}
