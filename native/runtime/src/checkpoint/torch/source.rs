//! The file to convert, read at positions.
//!
//! Why `pread` and no mapping? A gigabyte that is read once through a mapping counts as the process's
//! memory until somebody gives it back, and a file that is cut while it is read would end the process.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

use super::fault::Fault;

/// A part of the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub offset: u64,
    pub length: u64,
}

/// An open file and its length when it was opened.
pub struct Source {
    file: File,
    length: u64,
}

impl Source {
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(Fault::Source)?;
        let length = file.metadata().map_err(Fault::Source)?.len();
        Ok(Self { file, length })
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from `offset` on.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        self.file.read_exact_at(buffer, offset).map_err(Fault::Source)
    }

    /// `N` bytes at `offset`, if the file has them.
    pub fn array<const N: usize>(&self, offset: u64) -> Result<Option<[u8; N]>, Fault> {
        if !self.holds(Region { offset, length: N as u64 }) {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Whether the whole `region` lies within the file.
    pub fn holds(&self, region: Region) -> bool {
        region.offset.checked_add(region.length).is_some_and(|end| end <= self.length)
    }

    /// Reads `region` from its start; ends early where the file does.
    pub fn section(&self, region: Region) -> Section<'_> {
        Section { file: &self.file, offset: region.offset, left: region.length }
    }
}

/// A region as a stream.
pub struct Section<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.offset += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
