//! One encoder layer: self-attention and feed-forward block, each with residual and layer norm (post-norm,
//! as in BERT).

use std::mem::swap;

use chorus_core::{
    names::LayerNames,
    spec::{self, ModelSpec},
    weights::WeightError,
};
use chorus_kernels::{Activation, Attention, AttentionScratch, F32, Format, Inputs, LayerNorm, Linear, Rows};

use super::{
    team::Crew,
    weights::{Packing, Sizes, layer_norm, linear},
};

/// A batch on its way through the layers. Keeps its memory from batch to batch.
#[derive(Default)]
pub struct Workspace<F: Format> {
    /// `[rows, hidden]`: what the next layer reads. A row for every token, or for the first of each text.
    pub hidden: Rows<F>,
    /// The first token of each text, and the number of all.
    pub offsets: Vec<usize>,
    /// `[tokens, hidden]`: embeddings before they are normalized.
    pub sums: Rows<F32>,
    queries: Rows<F::Attended>,
    projected: Rows<F::Attended>,
    residual: Rows<F>,
    context: Rows<F>,
    attended: Rows<F>,
    wide: Rows<F>,
    narrow: Rows<F32>,
    attention: Vec<AttentionScratch>,
}

/// What attention reads in the format `F`.
type Attended<F> = <<F as Format>::Attended as Format>::Written;

/// How a layer projects its input to queries, keys and values.
enum Projections<F: Format> {
    /// All of them for every token, side by side in one operator.
    AllTokens(Linear<F>),
    /// Queries for the first token of each text, keys and values for every token: the last layer of a
    /// model whose head reads nothing else.
    FirstTokens { query: Linear<F>, key_value: Linear<F> },
}

pub struct Layer<F: Format> {
    size: usize,
    heads: usize,
    projections: Projections<F>,
    attention: Attention<Attended<F>>,
    attention_output: Linear<F>,
    attention_norm: LayerNorm,
    intermediate: Linear<F>,
    output: Linear<F>,
    output_norm: LayerNorm,
}

impl<F: Format> Layer<F> {
    pub fn pack(
        packing: &Packing,
        spec: &ModelSpec,
        names: &LayerNames,
        first_tokens_only: bool,
    ) -> Result<Self, WeightError> {
        let (size, wide) = (spec.hidden_size, spec.intermediate_size);
        let square =
            |names: &[&str]| linear(packing, names, Sizes { inputs: size, outputs: size }, Activation::Identity);
        let LayerNames { query, key, value, .. } = names;
        Ok(Self {
            size,
            heads: spec.attention_heads,
            projections: if first_tokens_only {
                Projections::FirstTokens { query: square(&[query])?, key_value: square(&[key, value])? }
            } else {
                Projections::AllTokens(square(&[query, key, value])?)
            },
            attention: Attention::new(spec.attention_heads, size / spec.attention_heads),
            attention_output: square(&[&names.attention_output])?,
            attention_norm: layer_norm(&packing.tensors, &names.attention_norm, size, spec.layer_norm_eps)?,
            intermediate: linear(
                packing,
                &[&names.intermediate],
                Sizes { inputs: size, outputs: wide },
                activation(spec.activation),
            )?,
            output: linear(packing, &[&names.output], Sizes { inputs: wide, outputs: size }, Activation::Identity)?,
            output_norm: layer_norm(&packing.tensors, &names.output_norm, size, spec.layer_norm_eps)?,
        })
    }

    /// Replaces `work.hidden` by this layer's output.
    pub fn run(&self, work: &mut Workspace<F>, crew: &Crew) {
        self.attend(work, crew);
        let Workspace { hidden, residual, context, attended, wide, narrow, .. } = work;
        multiply(&self.attention_output, context, narrow, crew);
        normalize(&self.attention_norm, narrow, Some(residual), attended, crew);
        multiply(&self.intermediate, attended, wide, crew);
        multiply(&self.output, wide, narrow, crew);
        normalize(&self.output_norm, narrow, Some(attended), hidden, crew);
    }

    /// Fills `context` with what each query attends to, and `residual` with the input of its row.
    fn attend(&self, work: &mut Workspace<F>, crew: &Crew) {
        let Workspace { hidden, offsets, queries, projected, residual, context, attention, .. } = work;
        let size = self.size;
        let firsts: Vec<usize>;
        let inputs = match &self.projections {
            Projections::AllTokens(operator) => {
                multiply(operator, hidden, projected, crew);
                swap(residual, hidden);
                let all = projected.matrix();
                Inputs {
                    queries: all.with_columns(0..size),
                    keys: all.with_columns(size..2 * size),
                    values: all.with_columns(2 * size..3 * size),
                    query_offsets: offsets,
                    key_offsets: offsets,
                }
            }
            Projections::FirstTokens { query, key_value } => {
                multiply(key_value, hidden, projected, crew);
                let texts = offsets.len() - 1;
                let mut rows = residual.rows_mut(texts, size);
                for (text, first) in offsets[..texts].iter().enumerate() {
                    rows.row_mut(text).copy_from_slice(hidden.values().row(*first));
                }
                rows.convert_all();
                multiply(query, residual, queries, crew);
                firsts = (0..=texts).collect();
                let both = projected.matrix();
                Inputs {
                    queries: queries.matrix(),
                    keys: both.with_columns(0..size),
                    values: both.with_columns(size..2 * size),
                    query_offsets: &firsts,
                    key_offsets: offsets,
                }
            }
        };
        let parts = crew.size();
        attention.resize_with(attention.len().max(parts), AttentionScratch::new);
        let head_size = size / self.heads;
        let columns = |part: usize| self.heads * part / parts * head_size;
        let targets = context
            .target(residual.rows(), size)
            .split_columns((0..parts).map(|part| columns(part)..columns(part + 1)));
        crew.for_each(targets.into_iter().zip(attention), |((columns, target), scratch)| {
            self.attention.run_heads(&inputs, columns.start / head_size..columns.end / head_size, scratch, target);
        });
        convert(context, crew);
    }
}

/// Parts of an operator's columns per thread, if there are several. One that is held up by another process
/// leaves its second part to the others: 98 tokens on two idle cores take 0.91 to 0.93 of the time.
const PARTS_PER_THREAD: usize = 2;

/// `output = activation(input · Wᵀ + b)`, the columns split among the crew.
pub fn multiply<F: Format, G: Format>(operator: &Linear<F>, input: &Rows<F>, output: &mut Rows<G>, crew: &Crew) {
    let shape = operator.shape();
    let parts = if crew.size() > 1 { crew.size() * PARTS_PER_THREAD } else { 1 };
    let columns = |part: usize| shape.columns_of_part(part, parts);
    let shares = output.target(input.rows(), shape.outputs).split_columns((0..parts).map(columns));
    crew.for_each(shares, |(columns, target)| operator.run_columns(input, columns, target));
    convert(output, crew);
}

/// Finishes what was written as a whole, the rows split among the crew.
fn convert<F: Format>(rows: &mut Rows<F>, crew: &Crew) {
    crew.for_each(rows.unconverted(crew.size()), |(_, mut rows)| rows.convert_all());
}

/// `output = norm(input + residual)`, the rows split among the crew.
pub fn normalize<F: Format>(
    norm: &LayerNorm,
    input: &Rows<F32>,
    residual: Option<&Rows<F>>,
    output: &mut Rows<F>,
    crew: &Crew,
) {
    let (input, residual) = (input.values(), residual.map(Rows::values));
    let shares = output.rows_mut(input.rows(), input.columns()).split(crew.size());
    crew.for_each(shares, |(rows, output)| {
        norm.run(input.with_rows(rows.clone()), residual.map(|residual| residual.with_rows(rows)), output);
    });
}

fn activation(activation: spec::Activation) -> Activation {
    match activation {
        spec::Activation::Gelu => Activation::Gelu,
        spec::Activation::GeluTanh => Activation::GeluTanh,
        spec::Activation::Relu => Activation::Relu,
        spec::Activation::Silu => Activation::Silu,
    }
}
