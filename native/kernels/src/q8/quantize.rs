//! From f32 to bytes: a row of activations to u8, a channel of weights to i8.

use crate::lanes::{fold, maximum, minimum};

/// How a row's u8 stand for values: `value ≈ scale · (u8 - zero)`.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct RowScale {
    /// NaN if the row had a value that is not finite.
    pub scale: f32,
    pub zero: i32,
}

/// How a channel's i8 stand for weights: `weight ≈ scale · i8`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ChannelScale {
    /// NaN if the channel had a weight that is not finite.
    pub scale: f32,
    /// Of the i8.
    pub sum: i32,
}

vectorized! {
    /// Quantizes a row; zeros fill `bytes` after its end.
    pub(super) fn activations(values: &[f32], bytes: &mut [u8]) -> RowScale = activations_body
}

vectorized! {
    /// Quantizes a channel; zeros fill `bytes` after its end.
    pub(crate) fn weights(values: &[f32], bytes: &mut [u8]) -> ChannelScale = weights_body
}

/// Adding 1.5 · 2²³ to a small f32 rounds it to nearest, ties to even, and leaves the integer in the low
/// bits: an exact conversion to a byte that vectorizes everywhere.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn activations_body(values: &[f32], bytes: &mut [u8]) -> RowScale {
    let range = Range::of(values);
    // Divided before they are subtracted: the difference may overflow.
    let scale = range.high / 255.0 - range.low / 255.0;
    let inverse = inverse(scale);
    let zero = (range.low * -inverse).round_ties_even();
    let (quantized, padding) = bytes.split_at_mut(values.len());
    for (byte, value) in quantized.iter_mut().zip(values) {
        let level = value.mul_add(inverse, zero);
        let level = if level > 0.0 { level } else { 0.0 };
        let level = if level < 255.0 { level } else { 255.0 };
        *byte = (level + ROUNDER).to_bits() as u8;
    }
    padding.fill(0);
    RowScale { scale: if range.finite { scale } else { f32::NAN }, zero: zero as i32 }
}

#[inline(always)]
fn weights_body(values: &[f32], bytes: &mut [u8]) -> ChannelScale {
    let range = Range::of(values);
    let scale = range.high.max(-range.low) / 127.0;
    let inverse = inverse(scale);
    let (quantized, padding) = bytes.split_at_mut(values.len());
    let mut sum = 0;
    for (byte, value) in quantized.iter_mut().zip(values) {
        let level = value * inverse;
        let level = if level > -127.0 { level } else { -127.0 };
        let level = if level < 127.0 { level } else { 127.0 };
        let bits = (level + ROUNDER).to_bits() as u8;
        *byte = bits;
        sum += i32::from(bits.cast_signed());
    }
    padding.fill(0);
    ChannelScale { scale: if range.finite { scale } else { f32::NAN }, sum }
}

/// `1 / scale`; zero where that would overflow, so that a row (or channel) of nothing but zeros and
/// subnormals counts as zero.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if (f32::MIN_POSITIVE..=f32::MAX).contains(&scale) { scale.recip() } else { 0.0 }
}

/// The least range of some values that includes zero.
struct Range {
    low: f32,
    high: f32,
    finite: bool,
}

/// Independent minima and maxima: two 512-bit registers of each.
const LANES: usize = 32;

impl Range {
    #[inline(always)]
    fn of(values: &[f32]) -> Self {
        let (mut low, mut high, mut magnitude) = ([0.0_f32; LANES], [0.0_f32; LANES], [0_u32; LANES]);
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let value = chunk[lane];
                low[lane] = minimum(value, low[lane]);
                high[lane] = maximum(value, high[lane]);
                magnitude[lane] = magnitude[lane].max(value.to_bits() & 0x7fff_ffff);
            }
        }
        let mut range = Self { low: fold(low, minimum), high: fold(high, maximum), finite: true };
        for value in rest {
            range.low = minimum(*value, range.low);
            range.high = maximum(*value, range.high);
        }
        let rest = rest.iter().map(|value| value.to_bits() & 0x7fff_ffff);
        range.finite = magnitude.into_iter().chain(rest).all(|bits| bits < f32::INFINITY.to_bits());
        range
    }
}
