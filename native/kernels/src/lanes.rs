//! Reductions over arrays of independent partial results, which the compiler keeps in vector registers.

/// The result of `pick` over all lanes, by halves: the same order, and so the same bits, everywhere. `N` is a
/// power of two.
///
/// By value, because an array that is also reduced in place is not kept in registers before.
#[inline(always)]
pub(crate) fn fold<const N: usize>(mut lanes: [f32; N], pick: impl Fn(f32, f32) -> f32) -> f32 {
    const { assert!(N.is_power_of_two()) }
    let mut width = N;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = pick(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

#[inline(always)]
pub(crate) fn sum(value: f32, other: f32) -> f32 {
    value + other
}

/// The lesser, or `other` if `value` is NaN: the instruction's own rule, unlike that of `f32::min`.
#[inline(always)]
pub(crate) fn minimum(value: f32, other: f32) -> f32 {
    if value < other { value } else { other }
}

/// The greater, or `other` if `value` is NaN.
#[inline(always)]
pub(crate) fn maximum(value: f32, other: f32) -> f32 {
    if value > other { value } else { other }
}
