//! Any ONNX file that takes `input_ids` and `attention_mask`: served as it is, padded.

use chorus_core::{packing::Rectangle, requests::BatchError, spec::Pooling};
use half::f16;

use super::{Batch, Runner, ThreadShare};
use crate::{
    checkpoint::{Graph, IDS, shown_shape},
    error::{LoadError, of_batch},
    onnxruntime::{Element, GraphSource, Input, InputType, Library, ModelGraph, Numbers, Outputs, Provider, Sessions},
};

const MASK: &str = "attention_mask";
const TOKEN_TYPES: &str = "token_type_ids";
/// What exporters call the output of a classifier, and the vectors of tokens.
const LOGITS: [&str; 1] = ["logits"];
const VECTORS: [&str; 2] = ["last_hidden_state", "token_embeddings"];
/// Operators that choose one scale for a whole tensor, so that a text's numbers depend on who else is in the batch.
const WHOLE_BATCH: [&str; 3] = ["DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"];

pub struct PaddedModel {
    sessions: Sessions,
    padding: u32,
    inputs: Vec<(Role, InputType)>,
    shape: FixedShape,
    pooling: Option<Pooling>,
    width: usize,
}

/// What is given to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ids,
    Mask,
    /// All tokens have type 0.
    TokenTypes,
}

/// What of a batch's shape a graph leaves no choice about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FixedShape {
    texts: Option<usize>,
    tokens: Option<usize>,
}

/// What a padded graph needs besides itself.
pub struct PaddedOptions<'a> {
    pub provider: Provider,
    pub threads: usize,
    pub padding: u32,
    /// For graphs whose output is one vector per token.
    pub pooling: Option<Pooling>,
    /// A shortest text, run once to learn the output's shape.
    pub probe: &'a [u32],
}

impl PaddedModel {
    pub fn load(
        Graph { path, operators, .. }: &Graph,
        library: Library,
        options: &PaddedOptions,
    ) -> Result<Self, LoadError> {
        let outputs: &[&str] = if options.pooling.is_some() { &VECTORS } else { &LOGITS };
        let graph = ModelGraph { source: GraphSource::File(path), outputs: Outputs::OneOf(outputs) };
        let sessions = Sessions::new(library, options.provider, options.threads, &graph)
            .map_err(|error| LoadError::session(path, &error))?;
        let inputs = sessions.inputs();
        let unfit = |expected: &str, found: String| LoadError::invalid(path, expected, found);
        let roles = inputs.iter().map(Role::of).collect::<Option<Vec<_>>>().filter(|roles| roles.contains(&Role::Ids));
        let Some(roles) = roles else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(unfit(&format!("the inputs {IDS}, {MASK} and, optionally, {TOKEN_TYPES}"), names.join(", ")));
        };
        if let Some(input) = inputs.iter().find(|input| input.element.is_none()) {
            return Err(unfit("inputs of int32, int64, float or float16", input.name.clone()));
        }
        let mut shape =
            FixedShape::of(&inputs).map_err(|shapes| unfit("inputs [texts, tokens] of one shape", shapes))?;
        if WHOLE_BATCH.iter().any(|&operator| operators.contains(operator)) {
            shape.texts = shape.texts.or(Some(1));
        }
        if let Some(texts) = shape.texts.filter(|&texts| texts != 1) {
            return Err(unfit("a graph that takes one text, or any number", format!("one of {texts} texts")));
        }
        let mut model = Self {
            inputs: roles.into_iter().zip(inputs).collect(),
            sessions,
            padding: options.padding,
            shape,
            pooling: options.pooling,
            width: 0,
        };
        model.width = model
            .run(&Batch::Tokens(&[options.probe]), &ThreadShare::new(1))
            .map(|numbers| numbers.len())
            .map_err(|error| LoadError::invalid(path, "a graph that runs", error.to_string()))?;
        Ok(model)
    }

    /// Tokens of a text, where the graph reads neither more nor less.
    pub fn fixed_tokens(&self) -> Option<usize> {
        self.shape.tokens
    }

    fn run_together(&self, texts: &[&[u32]], threads: usize) -> Result<Vec<f32>, BatchError> {
        let batch = match self.shape.tokens {
            Some(tokens) => Rectangle::of_length(texts, self.padding, tokens),
            None => Rectangle::new(texts, self.padding),
        };
        let token_types = vec![0_i64; batch.ids.len()];
        let given = self.inputs.iter().map(|(role, input)| {
            let numbers = match role {
                Role::Ids => &batch.ids,
                Role::Mask => &batch.mask,
                Role::TokenTypes => &token_types,
            };
            (input, Given::of(numbers, input.element.unwrap_or(Element::I64)))
        });
        let given: Vec<_> = given.collect();
        let shape = [texts.len(), batch.longest];
        let run = || {
            let inputs = given.iter().map(|(input, numbers)| numbers.input(&input.name, &shape));
            self.sessions.run(&inputs.collect::<Result<Vec<_>, _>>()?, threads)?[0].numbers()
        };
        let output = run().map_err(|error| of_batch(&error))?;
        self.rows(output, &batch)
    }

    /// One row per text from the graph's output: as it is if it has two dimensions, pooled if three.
    fn rows(&self, output: Numbers, batch: &Rectangle) -> Result<Vec<f32>, BatchError> {
        match (&output.shape[..], self.pooling) {
            ([_, _], None) => Ok(output.numbers),
            (&[_, longest, hidden], Some(pooling)) => {
                let texts = output.numbers.chunks_exact((longest * hidden).max(1));
                let masks = batch.mask.chunks_exact(batch.longest.max(1));
                Ok(texts.zip(masks).flat_map(|(text, mask)| pool(text, mask, hidden, pooling)).collect())
            }
            (shape, None) => Err(BatchError::Runtime(format!("its output has shape {shape:?}, not [texts, classes]"))),
            (shape, Some(_)) => {
                Err(BatchError::Runtime(format!("its output has shape {shape:?}, not [texts, tokens, hidden]")))
            }
        }
    }
}

impl Runner for PaddedModel {
    fn run(&self, batch: &Batch, threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let texts = batch.tokens()?;
        let mut numbers = Vec::new();
        for together in texts.chunks(self.shape.texts.unwrap_or(texts.len()).max(1)) {
            numbers.extend(self.run_together(together, threads.get())?);
        }
        Ok(numbers)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn computed(&self, batch: &Batch) -> usize {
        let texts = batch.tokens().unwrap_or_default();
        match self.shape {
            FixedShape { tokens: Some(tokens), .. } => texts.len() * tokens,
            FixedShape { texts: Some(_), .. } => texts.iter().map(|text| text.len()).sum(),
            _ => texts.len() * texts.iter().map(|text| text.len()).max().unwrap_or(0),
        }
    }
}

impl Role {
    fn of(input: &InputType) -> Option<Self> {
        match input.name.as_str() {
            IDS => Some(Self::Ids),
            MASK => Some(Self::Mask),
            TOKEN_TYPES => Some(Self::TokenTypes),
            _ => None,
        }
    }
}

impl FixedShape {
    /// What all inputs say together; their shapes where these contradict each other.
    fn of(inputs: &[InputType]) -> Result<Self, String> {
        let mut fixed = Self::default();
        let shown = |input: &InputType| format!("{} {}", input.name, shown_shape(&input.shape));
        for input in inputs {
            let &[texts, tokens] = &input.shape[..] else { return Err(shown(input)) };
            for (known, own) in [(&mut fixed.texts, texts), (&mut fixed.tokens, tokens)] {
                if known.is_some() && own.is_some() && *known != own {
                    return Err(shown(input));
                }
                *known = known.or(own);
            }
        }
        Ok(fixed)
    }
}

/// Ids, a mask or token types in the kind of numbers that an input takes.
enum Given<'a> {
    F16(Vec<f16>),
    F32(Vec<f32>),
    I32(Vec<i32>),
    I64(&'a [i64]),
}

impl<'a> Given<'a> {
    fn of(numbers: &'a [i64], element: Element) -> Self {
        let as_f32 = || numbers.iter().map(|&number| number as f32);
        match element {
            Element::F16 => Self::F16(as_f32().map(f16::from_f32).collect()),
            Element::F32 => Self::F32(as_f32().collect()),
            Element::I32 => Self::I32(numbers.iter().map(|&number| number as i32).collect()),
            Element::I64 => Self::I64(numbers),
        }
    }

    fn input(&self, name: &str, shape: &[usize]) -> Result<Input<'_>, ort::Error> {
        match self {
            Self::F16(numbers) => Input::new(name, shape, numbers),
            Self::F32(numbers) => Input::new(name, shape, numbers),
            Self::I32(numbers) => Input::new(name, shape, numbers),
            Self::I64(numbers) => Input::new(name, shape, numbers),
        }
    }
}

/// One vector from a text's token vectors `[longest, hidden]`.
fn pool(tokens: &[f32], mask: &[i64], hidden: usize, pooling: Pooling) -> Vec<f32> {
    let mut vectors = tokens.chunks_exact(hidden);
    match pooling {
        Pooling::FirstToken => vectors.next().unwrap_or_default().to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0; hidden];
            let real = vectors.zip(mask).filter(|&(_, &kept)| kept == 1);
            let mut count = 0.0;
            for (vector, _) in real {
                sum.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number);
                count += 1.0;
            }
            sum.into_iter().map(|sum| sum / count).collect()
        }
    }
}
