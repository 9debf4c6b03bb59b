//! What is applied to a linear operator's result before it is written.

use crate::layout::PANEL_COLUMNS;

/// The function applied to `x · Wᵀ + b`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Activation {
    /// `x · Φ(x)` with the exact normal distribution (erf), not its tanh approximation: within
    /// `4e-7 · max(1, |x|)` of the formula in f64.
    Gelu,
    /// `gelu_new` of `transformers`: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    GeluTanh,
    #[default]
    Identity,
    Relu,
    /// `x / (1 + exp(-x))`, also called swish.
    Silu,
}

/// A function of every number of a panel's row. The functions of [`Activation`] are types here, because a choice
/// within the loop over rows would force the numbers from registers to memory.
pub(crate) trait Pointwise: Copy {
    fn apply(self, values: [f32; PANEL_COLUMNS]) -> [f32; PANEL_COLUMNS];
}

#[derive(Clone, Copy)]
pub(crate) struct Gelu;

impl Pointwise for Gelu {
    #[inline(always)]
    fn apply(self, mut values: [f32; PANEL_COLUMNS]) -> [f32; PANEL_COLUMNS] {
        for value in &mut values {
            *value = gelu(*value);
        }
        values
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Pointwise for Identity {
    #[inline(always)]
    fn apply(self, values: [f32; PANEL_COLUMNS]) -> [f32; PANEL_COLUMNS] {
        values
    }
}

/// Evaluates an expression with the [`Pointwise`] function of an [`Activation`]: a choice outside of the loop.
macro_rules! with_pointwise {
    ($activation:expr, |$function:ident| $expression:expr) => {
        match $activation {
            $crate::activation::Activation::Gelu => {
                let $function = $crate::activation::Gelu;
                $expression
            }
            $crate::activation::Activation::Identity => {
                let $function = $crate::activation::Identity;
                $expression
            }
            other => {
                let $function = $crate::activation::OneByOne(other);
                $expression
            }
        }
    };
}

pub(crate) use with_pointwise;

/// What is not worth more: one number after the other.
#[derive(Clone, Copy)]
pub(crate) struct OneByOne(pub Activation);

impl Pointwise for OneByOne {
    #[inline(always)]
    fn apply(self, values: [f32; PANEL_COLUMNS]) -> [f32; PANEL_COLUMNS] {
        values.map(match self.0 {
            Activation::Gelu => gelu,
            Activation::GeluTanh => gelu_tanh,
            Activation::Identity => |x: f32| x,
            Activation::Relu => |x: f32| x.max(0.0),
            Activation::Silu => |x: f32| x / (1.0 + (-x).exp()),
        })
    }
}

fn gelu_tanh(x: f32) -> f32 {
    const FACTOR: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (FACTOR * (x + 0.044_715 * x * x * x)).tanh())
}

/// Beyond this, `Φ(x)` is 0 or 1: `5.5 · Φ(-5.5) = 1.0e-7`.
const GELU_RANGE: f32 = 5.5;

/// `(Φ(x) - ½) / x` as a polynomial in `t = 2x² / GELU_RANGE² - 1`, highest power first: a weighted
/// minimax fit that keeps the error of `x · Φ(x)` below 9.2e-8. In `t`, unlike in `x²`, the powers stay
/// in [-1, 1] and the coefficients shrink, so nothing is lost to cancellation.
#[allow(clippy::excessive_precision, clippy::unreadable_literal, reason = "the digits of the fit")]
const GELU_COEFFICIENTS: [f32; 15] = [
    4.288092413e-04,
    -1.275306802e-03,
    1.341660294e-03,
    -1.492897914e-03,
    3.880489942e-03,
    -7.392371676e-03,
    1.066128355e-02,
    -1.481460729e-02,
    2.023617783e-02,
    -2.607769607e-02,
    3.208808339e-02,
    -3.879081518e-02,
    4.773671693e-02,
    -6.417237406e-02,
    1.285519383e-01,
];

/// The Gaussian error linear unit, `x · Φ(x)`.
///
/// Differs from the f64 formula with erf by at most `4e-7 · max(1, |x|)`, rounding included (tested on
/// a dense grid), and is free of branches and tables. NaN stays NaN, `+∞` stays, `-∞` gives 0.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let below = if x < GELU_RANGE { x } else { GELU_RANGE };
    let clamped = if below > -GELU_RANGE { below } else { -GELU_RANGE };
    let t = (clamped * clamped).mul_add(2.0 / (GELU_RANGE * GELU_RANGE), -1.0);
    let mut slope = GELU_COEFFICIENTS[0];
    for coefficient in &GELU_COEFFICIENTS[1..] {
        slope = slope.mul_add(t, *coefficient);
    }
    let result = x * clamped.mul_add(slope, 0.5);
    if x <= -GELU_RANGE { 0.0 } else { result }
}

#[cfg(test)]
mod tests {
    use super::gelu;

    /// erf by its Taylor series, or by the continued fraction of erfc where that converges faster.
    fn erf(x: f64) -> f64 {
        let magnitude = x.abs();
        let value = if magnitude < 3.0 {
            let (mut term, mut sum) = (magnitude, magnitude);
            for n in 1..200 {
                term *= -magnitude * magnitude / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        } else {
            let fraction = (1..=60).rev().fold(magnitude, |tail, n| magnitude + f64::from(n) / 2.0 / tail);
            1.0 - (-magnitude * magnitude).exp() / (std::f64::consts::PI.sqrt() * fraction)
        };
        value.copysign(x)
    }

    #[test]
    fn gelu_stays_within_its_stated_error() {
        let mut worst = 0.0_f64;
        for step in -200_000..=200_000 {
            let x = step as f32 / 20_000.0;
            let exact = f64::from(x) * 0.5 * (1.0 + erf(f64::from(x) / std::f64::consts::SQRT_2));
            worst = worst.max((f64::from(gelu(x)) - exact).abs() / f64::from(x.abs().max(1.0)));
        }
        assert!(worst < 4e-7, "error {worst:e}");
    }

    #[test]
    fn gelu_of_the_extremes_is_its_limit() {
        assert!(gelu(f32::NAN).is_nan());
        for (x, limit) in [(f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, 0.0), (-100.0, 0.0), (0.0, 0.0)] {
            assert_eq!(gelu(x).to_bits(), limit.to_bits(), "{x}");
        }
        assert!((gelu(1e30) - 1e30).abs() < 1e24);
    }
}
