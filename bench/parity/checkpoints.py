"""Random small checkpoints in the shapes that the hub holds.

A `Checkpoint` says what to make; `write` makes its folder: `config.json` as the hub has it, tokenizer
files of one kind, and weights drawn with a spread wide enough that answers differ visibly from text
to text. Nothing is trained. Who wants the expected answers goes on with `oracle.py`.
"""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

CLASSES = {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}
PREFIXES = {"bert": "bert.", "distilbert": "distilbert.", "roberta": "roberta.", "xlm-roberta": "roberta."}
LAYER_NORMS = ("LayerNorm", "layer_norm")


@dataclass(frozen=True)
class Checkpoint:
    """What to make; see `matrix.py` and `fixtures.py` for the lists."""

    name: str
    family: str
    # Writes the tokenizer's files into a folder and returns the size of the vocabulary.
    tokenizer: object
    # "" for a classifier, else "mean" or "cls" for a bare encoder.
    pooling: str = ""
    labels: tuple = ("negative", "neutral", "positive")
    # Fields of config.json that replace the usual ones.
    config: dict = field(default_factory=dict)
    # The weights' type in the file: float32, bfloat16 or float16.
    dtype: str = "float32"
    shards: int = 1
    # How tensors are named: "published" as the class saves them, "masked-lm" an encoder taken out of a
    # masked language model, "gamma-beta" LayerNorm as the first BERT checkpoints called it, "buffers"
    # with the position ids that old versions saved.
    names: str = "published"
    hidden: int = 64
    layers: int = 2
    positions: int = 512
    std: float = 0.2


def write(checkpoint: Checkpoint, folder: Path) -> Path:
    """Makes the checkpoint's folder anew, the same on every run."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    vocabulary = checkpoint.tokenizer(folder)
    (folder / "config.json").write_text(json.dumps(config(checkpoint, vocabulary), indent=2) + "\n")
    model = random_model(checkpoint, folder)
    tensors = rename(model.state_dict(), checkpoint)
    dtype = getattr(torch, checkpoint.dtype)
    tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    save(tensors, folder, checkpoint.shards)
    for file in folder.iterdir():
        # safetensors makes files that only their owner may read.
        file.chmod(0o644)
    return folder


def config(checkpoint: Checkpoint, vocabulary: int) -> dict:
    """The checkpoint's config.json: the fields that the hub's files have, no more."""
    suffix = "Model" if checkpoint.pooling else "ForSequenceClassification"
    common = {
        "architectures": [CLASSES[checkpoint.family] + suffix],
        "model_type": checkpoint.family,
        "initializer_range": 0.02,
        "torch_dtype": checkpoint.dtype,
        "vocab_size": vocabulary,
    }
    if checkpoint.family == "distilbert":
        common |= {
            "activation": "gelu",
            "dim": checkpoint.hidden,
            "hidden_dim": 2 * checkpoint.hidden,
            "max_position_embeddings": checkpoint.positions,
            "n_heads": 4,
            "n_layers": checkpoint.layers,
            "pad_token_id": 0,
            "sinusoidal_pos_embds": False,
        }
    else:
        bert = checkpoint.family == "bert"
        common |= {
            "hidden_act": "gelu",
            "hidden_size": checkpoint.hidden,
            "intermediate_size": 2 * checkpoint.hidden,
            "layer_norm_eps": 1e-12 if bert else 1e-5,
            # RoBERTa counts positions from the padding id on: two rows of the table are never used.
            "max_position_embeddings": checkpoint.positions + (0 if bert else 2),
            "num_attention_heads": 4,
            "num_hidden_layers": checkpoint.layers,
            "pad_token_id": 0 if bert else 1,
            "position_embedding_type": "absolute",
            "type_vocab_size": 2 if bert else 1,
        }
    if not checkpoint.pooling and checkpoint.labels:
        common["id2label"] = {str(index): label for index, label in enumerate(checkpoint.labels)}
        common["label2id"] = {label: index for index, label in enumerate(checkpoint.labels)}
    return common | checkpoint.config


def random_model(checkpoint: Checkpoint, folder: Path) -> torch.nn.Module:
    """The model of the folder's config with random weights, seeded by the checkpoint's name."""
    loader = AutoModel if checkpoint.pooling else AutoModelForSequenceClassification
    model = loader.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(zlib.crc32(checkpoint.name.encode()))
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator) * checkpoint.std
            scale = name.endswith("weight") and any(norm in name for norm in LAYER_NORMS)
            parameter.copy_(1.0 + noise if scale else noise)
    return model


def rename(tensors: dict, checkpoint: Checkpoint) -> dict:
    prefix = PREFIXES[checkpoint.family]
    if checkpoint.names == "gamma-beta":
        return {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
            for name, tensor in tensors.items()
        }
    if checkpoint.names == "buffers":
        rows = len(tensors[f"{'' if checkpoint.pooling else prefix}embeddings.position_embeddings.weight"])
        ids = torch.arange(rows).unsqueeze(0)
        return tensors | {f"{'' if checkpoint.pooling else prefix}embeddings.position_ids": ids}
    if checkpoint.names == "masked-lm":
        head = {"bert": "cls.predictions.bias", "distilbert": "vocab_projector.bias"}.get(checkpoint.family, "lm_head.bias")
        vocabulary = len(tensors["embeddings.word_embeddings.weight"])
        kept = {prefix + name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}
        return kept | {head: torch.zeros(vocabulary)}
    return tensors


def save(tensors: dict, folder: Path, shards: int) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in sorted(tensors)[shard::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
