"""Owns what the encoder is: its shape, its training's budget, and its folder as sentence-transformers reads it."""

from pathlib import Path

import torch
from safetensors.torch import save
from transformers import BertConfig, BertModel

from starter import HERE
from tokenization import write_json

ENCODER = HERE / "encoder"
PIECES, DIMENSIONS, LAYERS, HEAD, EXPANSION = 10200, 192, 2, 32, 3
# Tokens of a text that are read, [CLS] and [SEP] included.
LONGEST = 128
SHAPE = {
    "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": DIMENSIONS,
    "initializer_range": 0.02, "intermediate_size": EXPANSION * DIMENSIONS, "layer_norm_eps": 1e-12,
    "max_position_embeddings": LONGEST, "num_attention_heads": DIMENSIONS // HEAD, "num_hidden_layers": LAYERS,
    "pad_token_id": 0, "type_vocab_size": 2,
}  # fmt: skip


def build(meanings: torch.Tensor, seed: int) -> BertModel:
    """A network that begins with the meanings of its pieces, [PIECES, DIMENSIONS], and knows nothing of their order.

    Positions that no training text reaches stay neutral, so that long texts are read as well.
    """
    torch.manual_seed(seed)
    # Forgotten pieces do what dropout is for, at a fraction of its cost on a CPU.
    without = {"attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0}
    network = BertModel(BertConfig(**SHAPE | without, vocab_size=len(meanings)))
    embeddings = network.embeddings
    with torch.no_grad():
        embeddings.word_embeddings.weight.copy_(meanings)
        embeddings.position_embeddings.weight.zero_()
        embeddings.token_type_embeddings.weight.zero_()
        # Nothing reads it; readers of the whole architecture look for it.
        network.pooler.dense.weight.zero_()
    return network


def write_encoder(network: BertModel, folder: Path = ENCODER) -> None:
    """Writes the settings and the weights, in 16 bits; what computes them takes 32, as the configuration says."""
    config = {"architectures": ["BertModel"], "model_type": "bert", "torch_dtype": "float32"}
    config |= SHAPE | {"vocab_size": network.config.vocab_size}
    config |= {"position_embedding_type": "absolute", "use_cache": True}
    write_json(folder / "config.json", dict(sorted(config.items())))
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": LONGEST, "do_lower_case": False})
    settings = {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    write_json(folder / "config_sentence_transformers.json", settings)
    modes = {"cls_token": False, "mean_tokens": True, "max_tokens": False, "mean_sqrt_len_tokens": False}
    pooling = {"word_embedding_dimension": DIMENSIONS} | {f"pooling_mode_{mode}": on for mode, on in modes.items()}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    write_json(folder / "1_Pooling" / "config.json", pooling)
    weights = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    (folder / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
