// The tensors of a RoBERTa, XLM-RoBERTa or DistilBERT sequence classifier, as the hub's checkpoints name them.
//
// A tensor has a `deviation` (normal numbers) or a `value` (the constants of a LayerNorm). Weights
// have the deviation of the published initialisation; the last layer of the head has a wider one, so
// that labels differ from text to text.

const DEVIATION = 0.02;
const HEAD_DEVIATION = 0.2;

/** All tensors of a checkpoint with this config.json, in file order. */
export function tensors(config, labelCount) {
  return config.model_type === 'distilbert'
    ? distilbert(config, labelCount)
    : roberta(config, labelCount);
}

function roberta(config, labelCount) {
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary } = config;
  const all = [
    random('roberta.embeddings.word_embeddings.weight', [vocabulary, hidden]),
    random('roberta.embeddings.position_embeddings.weight', [
      config.max_position_embeddings,
      hidden,
    ]),
    random('roberta.embeddings.token_type_embeddings.weight', [config.type_vocab_size, hidden]),
    ...layerNorm('roberta.embeddings.LayerNorm', hidden),
  ];
  for (let index = 0; index < config.num_hidden_layers; index++) {
    const layer = `roberta.encoder.layer.${index}`;
    all.push(
      ...linear(`${layer}.attention.self.query`, hidden, hidden),
      ...linear(`${layer}.attention.self.key`, hidden, hidden),
      ...linear(`${layer}.attention.self.value`, hidden, hidden),
      ...linear(`${layer}.attention.output.dense`, hidden, hidden),
      ...layerNorm(`${layer}.attention.output.LayerNorm`, hidden),
      ...linear(`${layer}.intermediate.dense`, inner, hidden),
      ...linear(`${layer}.output.dense`, hidden, inner),
      ...layerNorm(`${layer}.output.LayerNorm`, hidden),
    );
  }
  all.push(
    ...linear('classifier.dense', hidden, hidden),
    ...linear('classifier.out_proj', labelCount, hidden, HEAD_DEVIATION),
  );
  return all;
}

function distilbert(config, labelCount) {
  const { dim, hidden_dim: inner, vocab_size: vocabulary } = config;
  const embeddings = 'distilbert.embeddings';
  const all = [
    random(`${embeddings}.word_embeddings.weight`, [vocabulary, dim]),
    random(`${embeddings}.position_embeddings.weight`, [config.max_position_embeddings, dim]),
    ...layerNorm(`${embeddings}.LayerNorm`, dim),
  ];
  for (let index = 0; index < config.n_layers; index++) {
    const layer = `distilbert.transformer.layer.${index}`;
    all.push(
      ...['q', 'k', 'v', 'out'].flatMap((part) =>
        linear(`${layer}.attention.${part}_lin`, dim, dim),
      ),
      ...layerNorm(`${layer}.sa_layer_norm`, dim),
      ...linear(`${layer}.ffn.lin1`, inner, dim),
      ...linear(`${layer}.ffn.lin2`, dim, inner),
      ...layerNorm(`${layer}.output_layer_norm`, dim),
    );
  }
  all.push(
    ...linear('pre_classifier', dim, dim),
    ...linear('classifier', labelCount, dim, HEAD_DEVIATION),
  );
  return all;
}

function random(name, shape, deviation = DEVIATION) {
  return { name, shape, deviation };
}

function constant(name, shape, value) {
  return { name, shape, value };
}

function linear(name, outputs, inputs, deviation) {
  return [
    random(`${name}.weight`, [outputs, inputs], deviation),
    random(`${name}.bias`, [outputs], deviation),
  ];
}

function layerNorm(name, size) {
  return [constant(`${name}.weight`, [size], 1), constant(`${name}.bias`, [size], 0)];
}
