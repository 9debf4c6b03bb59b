//! The kernels in plain Rust: the reference for the others, and the fallback.

use super::Tile;

/// u8 rows × i8 panel, exact.
pub(super) fn q8(tile: &mut Tile<'_>) {
    run(tile, |sum, row, weights| {
        let products = row.to_ne_bytes().into_iter().zip(weights.to_ne_bytes());
        let dot: i32 = products.map(|(x, w)| i32::from(x) * i32::from(w.cast_signed())).sum();
        sum.wrapping_add_signed(dot)
    });
}

/// bf16 × bf16, summed in f32. The hardware's `dpbf16ps` rounds differently (and flushes subnormals).
pub(super) fn bf16<const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    let low = |word: u32| f32::from_bits(word << 16);
    let high = |word: u32| f32::from_bits(word & 0xffff_0000);
    run(tile, |sum, row, weights| {
        let sum = f32::from_bits(sum) + high(row) * high(weights);
        (sum + low(row) * low(weights)).to_bits()
    });
}

/// f32 × f32. Fused where the target always has the instruction, as on ARM.
pub(super) fn f32<const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    run(tile, |sum, row, weights| {
        let (sum, x, w) = (f32::from_bits(sum), f32::from_bits(row), f32::from_bits(weights));
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        if fused { x.mul_add(w, sum).to_bits() } else { (sum + x * w).to_bits() }
    });
}

#[inline(always)]
fn run<const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>, step: impl Fn(u32, u32, u32) -> u32) {
    for (index, sums) in tile.sums.iter_mut().enumerate() {
        let row = &tile.rows[index * tile.stride..][..tile.panel.len()];
        let mut columns = if tile.resume { sums.0 } else { [0; COLUMNS] };
        for (x, weights) in row.iter().zip(tile.panel) {
            for (sum, w) in columns.iter_mut().zip(weights) {
                *sum = step(*sum, *x, *w);
            }
        }
        sums.0 = columns;
    }
}
