//! Tiles in blocks of 4 rows, for the instruction sets that have too few registers for a whole tile.

use super::Tile;

const BLOCK_ROWS: usize = 4;

/// What multiplies a block: some rows with some columns of the panel.
pub(super) trait Block<const COLUMNS: usize> {
    /// Columns of a block. They divide a panel.
    const WIDTH: usize;

    /// # Safety
    /// The CPU must have the implementation's instructions, and the tile the rows `first..first + R` and
    /// [`Self::WIDTH`] columns from `column` on.
    unsafe fn multiply<const R: usize>(tile: &mut Tile<'_, COLUMNS>, first: usize, column: usize);
}

/// Multiplies a tile block by block.
///
/// # Safety
/// The CPU must have the instructions of `B`.
#[inline(always)]
pub(super) unsafe fn multiply<B: Block<COLUMNS>, const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    const { assert!(COLUMNS.is_multiple_of(B::WIDTH)) }
    let count = tile.sums.len();
    for first in (0..count).step_by(BLOCK_ROWS) {
        for column in (0..COLUMNS).step_by(B::WIDTH) {
            // SAFETY: the caller's; the rows `first..` in the type exist, and the blocks divide a panel.
            unsafe {
                match count - first {
                    1 => B::multiply::<1>(tile, first, column),
                    2 => B::multiply::<2>(tile, first, column),
                    3 => B::multiply::<3>(tile, first, column),
                    _ => B::multiply::<4>(tile, first, column),
                }
            }
        }
    }
}
