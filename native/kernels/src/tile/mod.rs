//! Register kernels: the inner product of up to [`TILE_ROWS`] rows with one panel.
//!
//! A tile keeps its `rows × PANEL_COLUMNS` sums in registers while it walks down the panel, one 32-bit
//! word of every row and [`PANEL_COLUMNS`] words of the panel at a step. What a word is (four u8 × i8
//! pairs, two bf16 pairs, one f32 pair) is the only difference between the number formats.
//!
//! Every column's sum is made in the order of the words, whatever the number of rows, so a row gives
//! the same bits in every tile. One file per instruction set; `scalar` is the reference.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod blocks;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod vector256;

use crate::{
    isa::{Isa, Level},
    layout::{PANEL_COLUMNS, PackedFormat, Sums},
};

/// Rows in a full tile: with 8 × 3 sums, 3 words of the panel and a row's word, 28 of 32 registers.
pub const TILE_ROWS: usize = 8;

/// The operands of one kernel call.
pub(crate) struct Tile<'a, const COLUMNS: usize = PANEL_COLUMNS> {
    /// Rows of words, `stride` apart, of which the first `depth` are multiplied.
    rows: &'a [u32],
    stride: usize,
    /// `[depth][COLUMNS]`
    panel: &'a [[u32; COLUMNS]],
    /// One per row: 1 to [`TILE_ROWS`].
    sums: &'a mut [Sums<COLUMNS>],
    /// Whether to add to `sums` or to start from zero.
    resume: bool,
    /// What is read soon: the kernels for large caches fetch it into the second level as they go.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "the kernels that fetch are those of AVX-512"))]
    ahead: &'a [u32],
}

impl<'a, const COLUMNS: usize> Tile<'a, COLUMNS> {
    /// # Panics
    /// If the operands do not fit: the kernels rely on it.
    #[inline]
    pub(crate) fn new(
        rows: &'a [u32],
        stride: usize,
        panel: &'a [u32],
        sums: &'a mut [Sums<COLUMNS>],
        resume: bool,
    ) -> Self {
        let (panel, rest) = panel.as_chunks::<COLUMNS>();
        assert!(rest.is_empty() && (1..=TILE_ROWS).contains(&sums.len()));
        assert!((sums.len() - 1) * stride + panel.len() <= rows.len());
        Self { rows, stride, panel, sums, resume, ahead: &[] }
    }

    /// The same tile, with `ahead` to be fetched meanwhile.
    pub(crate) fn fetching(self, ahead: &'a [u32]) -> Self {
        Self { ahead, ..self }
    }
}

/// A kernel. Calling it is sound where the CPU has the instructions of the [`Isa`] it was asked for.
pub(crate) type TileKernel<const COLUMNS: usize = PANEL_COLUMNS> = unsafe fn(&mut Tile<'_, COLUMNS>);

/// The kernel of a number format for an instruction set. bf16 has one for AVX512-BF16 and one in plain
/// Rust.
pub(crate) fn kernel(format: PackedFormat, isa: Isa) -> TileKernel {
    match (format, isa.level()) {
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::Q8, Level::Avx512) => avx512::q8,
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::Q8, Level::AvxVnni) => vector256::q8,
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::Q8, Level::Avx2) => avx2::q8,
        #[cfg(target_arch = "aarch64")]
        (PackedFormat::Q8, Level::NeonDot) => neon::q8,
        #[cfg(target_arch = "aarch64")]
        (PackedFormat::F32, Level::NeonDot) => scalar::f32,
        (PackedFormat::Q8, Level::Scalar) => scalar::q8,
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::Bf16, Level::Avx512) if isa.has_bf16() => avx512::bf16::<PANEL_COLUMNS, 3>,
        (PackedFormat::Bf16, _) => scalar::bf16,
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::F32, Level::Avx512) => avx512::f32::<PANEL_COLUMNS, 3>,
        #[cfg(target_arch = "x86_64")]
        (PackedFormat::F32, Level::AvxVnni | Level::Avx2) => vector256::f32,
        (PackedFormat::F32, Level::Scalar) => scalar::f32,
    }
}

/// The float kernels for panels of fewer columns too, as attention needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PanelKernels {
    pub narrow: TileKernel<16>,
    pub wide: TileKernel<32>,
    pub widest: TileKernel<48>,
}

impl PanelKernels {
    /// Those of f32 or bf16, as [`kernel`] has them.
    pub(crate) fn new(format: PackedFormat, isa: Isa) -> Self {
        match (format, isa.level()) {
            #[cfg(target_arch = "x86_64")]
            (PackedFormat::Bf16, Level::Avx512) if isa.has_bf16() => {
                Self { narrow: avx512::bf16::<16, 1>, wide: avx512::bf16::<32, 2>, widest: avx512::bf16::<48, 3> }
            }
            (PackedFormat::Bf16, _) => Self { narrow: scalar::bf16, wide: scalar::bf16, widest: scalar::bf16 },
            #[cfg(target_arch = "x86_64")]
            (_, Level::Avx512) => {
                Self { narrow: avx512::f32::<16, 1>, wide: avx512::f32::<32, 2>, widest: avx512::f32::<48, 3> }
            }
            #[cfg(target_arch = "x86_64")]
            (_, Level::AvxVnni | Level::Avx2) => {
                Self { narrow: vector256::f32, wide: vector256::f32, widest: vector256::f32 }
            }
            #[cfg(target_arch = "aarch64")]
            (_, Level::NeonDot) => Self { narrow: scalar::f32, wide: scalar::f32, widest: scalar::f32 },
            (_, Level::Scalar) => Self { narrow: scalar::f32, wide: scalar::f32, widest: scalar::f32 },
        }
    }
}

#[cfg(test)]
mod tests;
