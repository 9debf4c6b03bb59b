//! The bytes of one or more pickles, read in order.

use std::io::{self, BufRead, BufReader, Read};

use crate::checkpoint::torch::{
    fault::Fault,
    source::{Region, Section, Source},
};

/// A checkpoint's pickle takes about 200 bytes for each tensor: this is room for 80,000 of them.
const LONGEST: u64 = 16 << 20;
/// The longest text or byte string; a tensor's name has a hundred characters.
const LONGEST_TEXT: u64 = 1 << 20;
/// The longest line: the module or the name of a global.
const LONGEST_LINE: u64 = 1 << 10;

pub struct Input<'a> {
    reader: BufReader<Section<'a>>,
    position: u64,
    left: u64,
}

impl<'a> Input<'a> {
    pub fn new(source: &'a Source, region: Region) -> Self {
        Self { reader: BufReader::new(source.section(region)), position: region.offset, left: LONGEST }
    }

    /// Where the next byte lies in the file.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.account(N as u64)?;
        let mut bytes = [0; N];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(truncated()),
            Err(error) => Err(Fault::Source(error)),
        }
    }

    /// `length` bytes. The buffer grows with what is really there, so a declared length costs nothing.
    pub fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        if length > LONGEST_TEXT {
            return Err(Fault::invalid(format!("texts of at most {LONGEST_TEXT} bytes"), format!("one of {length}")));
        }
        self.account(length)?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes).map_err(Fault::Source)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(truncated()) }
    }

    /// The text up to the next line feed, without it.
    pub fn line(&mut self) -> Result<String, Fault> {
        let mut line = Vec::new();
        self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(Fault::Source)?;
        self.account(line.len() as u64)?;
        match line.pop() {
            Some(b'\n') => text(line),
            Some(_) if line.len() as u64 + 1 == LONGEST_LINE => Err(Fault::refused("a name longer than any")),
            _ => Err(truncated()),
        }
    }

    fn account(&mut self, length: u64) -> Result<(), Fault> {
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| Fault::invalid(format!("a pickle of at most {LONGEST} bytes"), "a longer one"))?;
        self.position += length;
        Ok(())
    }
}

/// Python 3 writes UTF-8; what Python 2 wrote as bytes is ASCII wherever it matters.
pub fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::refused("a text that is not UTF-8"))
}

fn truncated() -> Fault {
    Fault::invalid("a complete file", "its end in the middle of the pickle")
}
