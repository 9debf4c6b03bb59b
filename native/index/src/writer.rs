//! From vectors to files.
//!
//! Vectors are appended as they are made, so that who is interrupted goes on where they end; what is computed from them
//! comes last.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use chorus_kernels::scan::row_bytes;

use crate::{BYTES, IndexError, MAX_DIMENSIONS, MAX_ROWS, SCALES, VECTORS, vector};

/// Writes the vectors of an index into a folder.
pub struct Writer {
    folder: PathBuf,
    dimensions: usize,
    vectors: File,
    rows: usize,
}

/// What has been written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Written {
    pub rows: usize,
    /// The longest difference between a row and what its bytes stand for.
    pub error: f64,
}

impl Writer {
    /// Goes on behind the rows that are in `folder`, up to the first that is not as it was written: what an interruption
    /// leaves may be half a row, or nothing where rows should be.
    ///
    /// # Panics
    /// When a vector has no values, or more than [`MAX_DIMENSIONS`].
    pub fn open(folder: &Path, dimensions: usize) -> Result<Self, IndexError> {
        assert!((1..=MAX_DIMENSIONS).contains(&dimensions), "{dimensions} dimensions");
        let path = folder.join(VECTORS);
        let failed = |error| IndexError::io(&path, error);
        let vectors = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let rows = whole_rows(&path, dimensions).map_err(failed)?;
        vectors.set_len(rows as u64 * dimensions as u64 * 4).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), dimensions, vectors, rows })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends rows: `values` is one vector behind the other, of any length but zero. All of them are written, or, where
    /// one of them cannot be, none; it is told which. None of them is to blame where the disk does not take them.
    pub fn append(&mut self, values: &[f32]) -> Result<(), (Option<usize>, IndexError)> {
        let mut bytes = Vec::with_capacity(values.len() * 4);
        for (index, row) in values.chunks(self.dimensions).enumerate() {
            let row = vector::normalized(row, self.dimensions).map_err(|error| (Some(index), error))?;
            bytes.extend_from_slice(bytemuck::must_cast_slice(&row));
        }
        let count = values.len() / self.dimensions;
        if self.rows + count > MAX_ROWS {
            return Err((None, self.failed(io::Error::other(format!("more than {MAX_ROWS} rows")))));
        }
        self.vectors.write_all(&bytes).map_err(|error| (None, self.failed(error)))?;
        self.rows += count;
        Ok(())
    }

    /// Writes what is computed from the vectors, and sees to it that all of it is on the disk.
    pub fn finish(self) -> Result<Written, IndexError> {
        self.vectors.sync_all().map_err(|error| self.failed(error))?;
        let mut bytes = Output::create(&self.folder, BYTES)?;
        let mut scales = Output::create(&self.folder, SCALES)?;
        let mut input = File::open(self.folder.join(VECTORS)).map_err(|error| self.failed(error))?;
        let mut row = vec![0.0_f32; self.dimensions];
        let mut quantized = vec![0_i8; row_bytes(self.dimensions)];
        let mut written = Written { rows: self.rows, error: 0.0 };
        for _ in 0..self.rows {
            input.read_exact(bytemuck::must_cast_slice_mut(&mut row)).map_err(|error| self.failed(error))?;
            let of_row = vector::quantize(&row, &mut quantized);
            bytes.write(bytemuck::must_cast_slice(&quantized))?;
            scales.write(&of_row.scale.to_ne_bytes())?;
            written.error = written.error.max(of_row.error);
        }
        bytes.finish()?;
        scales.finish()?;
        Ok(written)
    }

    fn failed(&self, error: io::Error) -> IndexError {
        IndexError::io(&self.folder.join(VECTORS), error)
    }
}

/// How many rows the file begins with that have the length 1.
fn whole_rows(path: &Path, dimensions: usize) -> io::Result<usize> {
    let mut input = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut row = vec![0.0_f32; dimensions];
    let mut rows = 0;
    loop {
        match input.read_exact(bytemuck::must_cast_slice_mut(&mut row)) {
            Ok(()) if vector::has_length_one(&row) => rows += 1,
            Ok(()) => return Ok(rows),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(rows),
            Err(error) => return Err(error),
        }
    }
}

/// A new file of an index.
pub struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    pub fn create(folder: &Path, name: &str) -> Result<Self, IndexError> {
        let path = folder.join(name);
        // What an interruption left may be mapped by nobody, but a file that is made anew is nobody's at all.
        let _ = fs::remove_file(&path);
        let file = File::create_new(&path).map_err(|error| IndexError::io(&path, error))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.file.write_all(bytes).map_err(|error| IndexError::io(&self.path, error))
    }

    pub fn finish(self) -> Result<(), IndexError> {
        let Self { path, file } = self;
        let file = file.into_inner().map_err(|error| IndexError::io(&path, error.into_error()))?;
        file.sync_all().map_err(|error| IndexError::io(&path, error))
    }
}
