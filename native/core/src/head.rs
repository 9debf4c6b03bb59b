//! Turns a model's raw output into what is answered: labels with scores, or a vector.

use thiserror::Error;

use crate::spec::ScoreFunction;

/// A classifier's labels and how its logits become scores.
#[derive(Clone, Debug)]
pub struct ClassificationHead {
    pub labels: Vec<String>,
    pub function: ScoreFunction,
}

/// A NaN or an infinity came out of the model: no score can be told from it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the model's output is not finite")]
pub struct NonFinite;

impl ClassificationHead {
    /// The score of each label; those of softmax and sigmoid heads lie in [0, 1].
    ///
    /// `logits` has one number per label.
    pub fn scores(&self, logits: &[f32]) -> Result<Vec<f32>, NonFinite> {
        self.function.apply(logits)
    }
}

impl ScoreFunction {
    fn apply(self, logits: &[f32]) -> Result<Vec<f32>, NonFinite> {
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(NonFinite);
        }
        Ok(match self {
            Self::Identity => logits.to_vec(),
            Self::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            Self::Softmax => softmax(logits),
        })
    }
}

/// `exp(x - max) / Σ exp(x - max)`: the shift keeps the largest exponent at 0, so nothing overflows.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponents: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = exponents.iter().sum();
    exponents.into_iter().map(|exponent| exponent / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(labels: &[&str], function: ScoreFunction) -> ClassificationHead {
        ClassificationHead { labels: labels.iter().map(ToString::to_string).collect(), function }
    }

    #[test]
    fn softmax_scores_sum_to_one() {
        let scores = head(&["a", "b", "c"], ScoreFunction::Softmax).scores(&[0.0, 2.0, 1.0]).unwrap();
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((scores[1] - 0.665_240_94).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(head(&["a", "b"], ScoreFunction::Softmax).scores(&[1e4, -1e4]).unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn sigmoid_scores_are_independent_and_a_regression_is_its_number() {
        assert_eq!(head(&["a", "b"], ScoreFunction::Sigmoid).scores(&[0.0, 0.0]).unwrap(), [0.5, 0.5]);
        assert_eq!(head(&["a"], ScoreFunction::Identity).scores(&[-3.5]).unwrap(), [-3.5]);
    }

    #[test]
    fn a_logit_that_is_not_finite_is_an_error() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(head(&["a", "b"], ScoreFunction::Softmax).scores(&[0.0, bad]), Err(NonFinite));
        }
    }
}
