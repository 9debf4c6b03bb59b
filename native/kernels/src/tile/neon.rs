//! int8 with NEON's `sdot`. Tested in an emulator of the CPU, but so far not tuned on one.
//!
//! `sdot` multiplies signed bytes, so 128 is taken from every activation; the sum over a column of
//! `128 · w` is restored with a second dot product, by ones.

use std::arch::aarch64::{int32x4_t, vaddq_s32, vdupq_n_s32, vld1q_s32, vst1q_s32, vsubq_s32};
use std::arch::asm;

use super::{
    PANEL_COLUMNS, Tile,
    blocks::{self, Block},
};

const WIDTH: usize = 4;
const VECTORS: usize = 4;

#[target_feature(enable = "neon,dotprod")]
pub(super) fn q8(tile: &mut Tile<'_>) {
    // SAFETY: the features are enabled.
    unsafe { blocks::multiply::<Dot, PANEL_COLUMNS>(tile) }
}

struct Dot;

impl Block<PANEL_COLUMNS> for Dot {
    const WIDTH: usize = VECTORS * WIDTH;

    #[inline(always)]
    unsafe fn multiply<const R: usize>(tile: &mut Tile<'_>, first: usize, column: usize) {
        // SAFETY: `Tile::new` checked that each of the rows has `panel.len()` words; the rest is the caller's.
        unsafe {
            let rows = tile.rows.as_ptr().add(first * tile.stride);
            let mut sums = [[vdupq_n_s32(0); VECTORS]; R];
            let mut shifts = [vdupq_n_s32(0); VECTORS];
            let shift = vdupq_n_s32(i32::from_ne_bytes([0x80; 4]));
            for (word, columns) in tile.panel.iter().enumerate() {
                let mut panel = [vdupq_n_s32(0); VECTORS];
                for (vector, panel) in panel.iter_mut().enumerate() {
                    *panel = vld1q_s32(columns.as_ptr().add(column + vector * WIDTH).cast());
                }
                for (shifts, panel) in shifts.iter_mut().zip(panel) {
                    *shifts = dot(*shifts, shift, panel);
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = vdupq_n_s32((rows.add(row * tile.stride + word).read() ^ 0x8080_8080).cast_signed());
                    for (sum, panel) in sums.iter_mut().zip(panel) {
                        *sum = dot(*sum, x, panel);
                    }
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (vector, (sum, shift)) in sums.into_iter().zip(shifts).enumerate() {
                    let target = tile.sums.as_mut_ptr().add(first + row).cast::<i32>().add(column + vector * WIDTH);
                    let before = if tile.resume { vld1q_s32(target) } else { vdupq_n_s32(0) };
                    vst1q_s32(target, vaddq_s32(before, vsubq_s32(sum, shift)));
                }
            }
        }
    }
}

/// Adds four products of signed bytes to every lane. (The intrinsic is not stable yet.)
#[target_feature(enable = "neon,dotprod")]
#[inline]
pub(crate) fn dot(mut sums: int32x4_t, left: int32x4_t, right: int32x4_t) -> int32x4_t {
    // SAFETY: one instruction on registers; the feature is enabled.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {left:v}.16b, {right:v}.16b",
            sums = inout(vreg) sums, left = in(vreg) left, right = in(vreg) right,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
