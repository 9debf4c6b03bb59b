//! What a checkpoint takes once it is packed, and whether it can be: found out from the headers of its files.

use std::path::Path;

use chorus_core::{
    names::{ClassifierNames, EncoderNames, LayerNames},
    spec::{ModelSpec, Task},
    weights::{WeightError, WeightIndex},
};
use chorus_kernels::{Bf16, F32, Format, Linear, Q8, Shape};

use super::require;
use crate::{checkpoint::WeightFiles, error::LoadError, model::Precision};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Numbers in an answer.
    pub width: usize,
    /// Numbers in the tensors that are read.
    pub parameters: usize,
    /// What its operators take of memory. Word and position tables stay in their files.
    pub bytes: usize,
}

/// What the checkpoint in `directory` takes.
///
/// # Errors
/// All that packing it would have, but for what its numbers are.
pub fn needs(directory: &Path, spec: &ModelSpec, precision: Precision) -> Result<Needs, LoadError> {
    require(directory, precision)?;
    let WeightFiles { index, .. } = WeightFiles::open(directory)?;
    let needs = match precision {
        // Half precision has been refused.
        Precision::Exact | Precision::Fp16 => needs_as::<F32>(&index, spec),
        Precision::Bf16 => needs_as::<Bf16>(&index, spec),
        Precision::Int8 => needs_as::<Q8>(&index, spec),
    };
    needs.map_err(|source| LoadError::Weights { directory: directory.to_owned(), source })
}

fn needs_as<F: Format>(index: &WeightIndex, spec: &ModelSpec) -> Result<Needs, WeightError> {
    let names = EncoderNames::new(spec.architecture, index);
    let (size, wide) = (spec.hidden_size, spec.intermediate_size);
    let mut sum = Sum { index, parameters: 0, bytes: 0 };
    sum.tensor(&names.embedding("word_embeddings.weight"), &[spec.vocab_size, size])?;
    sum.tensor(&names.embedding("position_embeddings.weight"), &[spec.position_rows, size])?;
    if spec.token_type_rows > 0 {
        sum.tensor(&names.embedding("token_type_embeddings.weight"), &[spec.token_type_rows, size])?;
        // All tokens have the first type.
        sum.parameters -= (spec.token_type_rows - 1) * size;
    }
    sum.norm(&names.embedding("LayerNorm"), size)?;
    for layer in 0..spec.layers {
        let names = names.layer(layer);
        let LayerNames { query, key, value, attention_output, attention_norm, intermediate, output, output_norm } =
            &names;
        // As `Layer::pack` joins them: what an operator takes is rounded up to whole panels.
        let is_last = layer + 1 == spec.layers;
        if is_last && super::HeadLayers::reads_first_tokens(spec) {
            sum.linear::<F>(&[query], size, size)?;
            sum.linear::<F>(&[key, value], size, size)?;
        } else {
            sum.linear::<F>(&[query, key, value], size, size)?;
        }
        sum.linear::<F>(&[attention_output], size, size)?;
        sum.norm(attention_norm, size)?;
        sum.linear::<F>(&[intermediate], size, wide)?;
        sum.linear::<F>(&[output], wide, size)?;
        sum.norm(output_norm, size)?;
    }
    let width = match spec.task {
        Task::Embedding(_) => size,
        Task::Classification { .. } => {
            let ClassifierNames { dense, projection, .. } = names.classifier();
            let classes = index.rows(&format!("{projection}.weight"), size)?;
            sum.linear::<F32>(&[&dense], size, size)?;
            sum.linear::<F32>(&[projection], size, classes)?;
            classes
        }
    };
    Ok(Needs { width, parameters: sum.parameters, bytes: sum.bytes })
}

/// Of what has been asked for.
struct Sum<'a> {
    index: &'a WeightIndex,
    parameters: usize,
    bytes: usize,
}

impl Sum<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<(), WeightError> {
        self.index.expect(name, shape)?;
        self.parameters += shape.iter().product::<usize>();
        Ok(())
    }

    fn norm(&mut self, name: &str, size: usize) -> Result<(), WeightError> {
        ["weight", "bias"].iter().try_for_each(|part| self.tensor(&format!("{name}.{part}"), &[size]))
    }

    /// The linear layers `names`, each of that size, as one operator.
    fn linear<F: Format>(&mut self, names: &[&str], inputs: usize, outputs: usize) -> Result<(), WeightError> {
        for name in names {
            self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        }
        for name in names {
            self.tensor(&format!("{name}.bias"), &[outputs])?;
        }
        self.bytes += Linear::<F>::bytes(Shape { outputs: names.len() * outputs, inputs });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Arc};

    use super::{
        super::{Team, Teams, load},
        *,
    };
    use crate::model::{Description, ModelConfig, Source};

    fn fixture(name: &str) -> ModelConfig {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
        let pooling = (name == "bert-mean").then_some(chorus_core::spec::Pooling::Mean);
        ModelConfig { pooling, ..ModelConfig::new(name, folder) }
    }

    fn spec(config: &ModelConfig) -> ModelSpec {
        match Description::read(config).expect("a fixture").source {
            Source::Checkpoint(spec) => *spec,
            Source::Graph(_) => panic!("a graph"),
        }
    }

    #[test]
    fn what_a_checkpoint_takes_is_known_before_it_is_packed() {
        let team = Arc::new(Team::new(1).expect("a thread"));
        let teams = Teams { packing: Arc::clone(&team), running: team };
        for name in ["bert", "bert-mean", "distilbert", "roberta", "xlm-roberta"] {
            let config = fixture(name);
            let spec = spec(&config);
            for precision in [Precision::Exact, Precision::Int8] {
                let needs = needs(config.weights(), &spec, precision).expect("a fixture");
                let loaded = load(config.weights(), &spec, precision, &teams).expect("a fixture");
                assert_eq!(needs, loaded.needs, "{name}");
                assert_eq!(needs.width, loaded.runner.width(), "{name}");
            }
        }
    }

    #[test]
    fn a_tensor_that_is_not_there_or_of_another_shape_is_named() {
        let config = fixture("bert");
        let spec = ModelSpec { layers: 99, ..spec(&config) };
        let error = needs(config.weights(), &spec, Precision::Exact).expect_err("fewer layers");
        assert!(error.to_string().contains("is missing"), "{error}");
    }
}
