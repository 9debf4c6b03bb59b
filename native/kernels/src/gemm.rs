//! The loops around the register kernels: which part of the operands is in which cache, when.
//!
//! A block of rows stays in the second-level cache while every panel passes it once. Deep panels are cut
//! so that a cut, the rows' part that meets it and the next cut fit there together. The next cut is fetched
//! while one is multiplied: an encoder's weights fit in no cache, and a text of 36 tokens takes 1.2 times as
//! long without.

use std::{iter::repeat, ops::Range};

use crate::{
    layout::{PANEL_COLUMNS, Panel, RowWords, Sums},
    parts::even_parts,
    tile::{TILE_ROWS, Tile, TileKernel},
};

/// Rows that are multiplied with a panel before the next panel: 384 KiB of them at full depth.
const BLOCK_ROWS: usize = 128;

/// Words of depth in one pass: 144 KiB of a panel.
const BLOCK_DEPTH: usize = 768;

/// With fewer rows there is no time to fetch ahead: memory is read at its full rate as it is.
const FETCHING_ROWS: usize = 12;

/// A tile's finished sums, and where they belong.
pub(crate) struct Finished<'a> {
    pub sums: &'a [Sums],
    pub panel: Panel<'a>,
    pub first_row: usize,
    /// Counted from the first of the multiplied columns.
    pub first_column: usize,
}

/// Multiplies `rows` with `panels` and hands every tile's sums to `finish`.
///
/// # Safety
/// The CPU must have the instructions of `kernel`.
pub(crate) unsafe fn multiply<'a>(
    rows: RowWords<'_>,
    panels: &(impl Iterator<Item = Panel<'a>> + Clone),
    kernel: TileKernel,
    mut finish: impl FnMut(Finished<'_>),
) {
    #[allow(
        clippy::large_stack_arrays,
        reason = "24 KiB, where a block's sums wait between the passes of a deep panel"
    )]
    let mut sums = [Sums([0; PANEL_COLUMNS]); BLOCK_ROWS];
    for block in even_parts(0..rows.rows, BLOCK_ROWS) {
        // Once for all cuts: divisions between two tiles would hold up the second.
        let mut tiles = [(); BLOCK_ROWS / TILE_ROWS].map(|()| 0..0);
        let count = block.len().div_ceil(TILE_ROWS);
        tiles.iter_mut().zip(even_parts(block.clone(), TILE_ROWS)).for_each(|(tile, rows)| *tile = rows);
        let fetching = block.len() >= FETCHING_ROWS;
        let mut cuts = panels.clone().enumerate().flat_map(Cut::of_panel).peekable();
        while let Some(Cut { panel, index, pass }) = cuts.next() {
            let words = panel_words(panel, &pass);
            let next = cuts.peek().filter(|_| fetching).map_or(&[][..], |next| panel_words(next.panel, &next.pass));
            let shares = next.chunks(next.len().div_ceil(count).max(1)).chain(repeat(&[][..]));
            for (tile, share) in tiles[..count].iter().zip(shares) {
                let sums = &mut sums[tile.start - block.start..tile.end - block.start];
                let left = &rows.words[tile.start * rows.stride + pass.start..];
                let mut operands = Tile::new(left, rows.stride, words, sums, pass.start > 0).fetching(share);
                // SAFETY: the caller's.
                unsafe { kernel(&mut operands) };
                if pass.end * PANEL_COLUMNS == panel.words.len() {
                    finish(Finished { sums, panel, first_row: tile.start, first_column: index * PANEL_COLUMNS });
                }
            }
        }
    }
}

/// What is multiplied with a block of rows in one pass: a part of a panel's depth.
struct Cut<'a> {
    panel: Panel<'a>,
    /// Which of the panels it is.
    index: usize,
    pass: Range<usize>,
}

impl<'a> Cut<'a> {
    fn of_panel((index, panel): (usize, Panel<'a>)) -> impl Iterator<Item = Self> {
        let depth = panel.words.len() / PANEL_COLUMNS;
        even_parts(0..depth, BLOCK_DEPTH).map(move |pass| Self { panel, index, pass })
    }
}

fn panel_words<'a>(panel: Panel<'a>, pass: &Range<usize>) -> &'a [u32] {
    &panel.words[pass.start * PANEL_COLUMNS..pass.end * PANEL_COLUMNS]
}
