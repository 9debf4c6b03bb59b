//! The exponential function, for softmax.

/// Below this, `exp` is taken for 0: it would be less than 2⁻¹²⁵.
const LOWEST: f32 = -86.5;

/// `exp(x)` for `x` up to 0, with a relative error below 2e-7 (tested); 0 for `x < -86.5`. NaN stays NaN.
///
/// `2ⁿ · exp(r)` with `r` in ±ln 2 / 2, reduced in two steps (Cody and Waite), and the Taylor polynomial of
/// degree 7, whose remainder there is below 6e-9.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding and subtracting it rounds to an integer, which is left in the low bits in between.
    const ROUNDER: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x < LOWEST { LOWEST } else { x };
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, clamped));
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = r.mul_add(sum, coefficient);
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3f80_0000));
    if x < LOWEST { 0.0 } else { sum * power }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_stays_within_its_stated_error() {
        let mut worst = 0.0_f64;
        for step in 0..860_000 {
            let x = -(step as f32) / 10_000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - exact).abs() / exact);
        }
        assert!(worst < 2e-7, "error {worst:e}");
        for (x, limit) in [(0.0, 1.0), (-87.0, 0.0), (f32::NEG_INFINITY, 0.0)] {
            assert_eq!(exp(x).to_bits(), f32::to_bits(limit), "{x}");
        }
        assert!(exp(f32::NAN).is_nan());
    }
}
