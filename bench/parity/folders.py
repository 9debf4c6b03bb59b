"""Random model folders, with the settings that the hub's folders hold in every combination.

    python folders.py <out> --count 300 --seed 1

Writes <out>/<seed>-<index>/ for every folder, the same files on every run, and <out>/manifest.jsonl, a line
for each: what a profile would say of it (`pooling`, `graph`) and how near answers must come (`tolerance`).
One function writes one file: here what concerns the model, in `folders_tokenizer.py` what concerns the
tokenizer, in `folders_weights.py` weights and graphs. Nothing here knows what is right; `fuzz.py` asks for it.
"""

import argparse
import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import folders_tokenizer as tokenizer
import folders_weights as weights

# Chorus builds graphs for these; of every other model it can serve an ONNX file.
BUILT = ("bert", "distilbert", "roberta", "xlm-roberta")
GRAPHS = BUILT + ("electra", "mpnet")
# Model types whose positions start behind the padding id.
ROBERTA_KIN = ("roberta", "xlm-roberta", "mpnet")
LABELS = (("HAM", "SPAM"), ("negative", "neutral", "positive"), ("toxic",), ("a", "b", "c", "d", "e"))
# Characters; vocabularies have a line for every token otherwise.
LONGEST_INDENTED = 4000
# How near answers must come, in single precision.
SINGLE = 1e-5


class Draw(random.Random):
    """Seeded choices; the same on every version of Python."""

    def maybe(self, probability: float) -> bool:
        return self.random() < probability


@dataclass
class Folder:
    """A folder as far as it has been drawn: each file has to fit those before it."""

    name: str
    path: Path
    draw: Draw
    model_type: str = ""
    # Whether an ONNX file computes it; its name.
    graph: str = ""
    # What a profile asks of a bare encoder; modules say it for themselves.
    pooling: str = ""
    has_modules: bool = False
    tolerance: float = SINGLE
    labels: tuple = ()
    hidden: int = 16
    layers: int = 1
    # Tokens that the model reads, special ones included.
    positions: int = 40
    # Whether there is a tokenizer.json, else a bare vocabulary.
    described: bool = False
    # Tokens that are known before the files beside the vocabulary are read, by content.
    ids: dict = field(default_factory=dict)
    # Only what fits a committed fixture.
    small: bool = False
    # What `recipes.py` wants and is drawn otherwise.
    fixed_texts: int = 0
    is_external: bool = False
    pickled_shards: int = 0

    @property
    def family(self) -> str:
        """The kind of tokenizer that the model type has."""
        return {"distilbert": "bert", "electra": "bert"}.get(self.model_type, self.model_type)

    @property
    def is_encoder(self) -> bool:
        return bool(self.pooling) or self.has_modules

    @property
    def size(self) -> int:
        return max(self.ids.values()) + 1

    def write_json(self, name: str, value: object) -> None:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(value, ensure_ascii=False, indent=1)
        path.write_text((text if len(text) < LONGEST_INDENTED else json.dumps(value, ensure_ascii=False)) + "\n")


def write(out: Path, seed: str, index: int, small: bool = False) -> dict:
    """Makes one folder anew; returns its line of the manifest."""
    name = f"{seed}-{index:04}"
    path = out / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    folder = Folder(name, path, Draw(name), small=small)
    choose(folder)
    tokenizer.vocabulary(folder)
    tokenizer.tokenizer_config_json(folder)
    tokenizer.special_tokens_map_json(folder)
    tokenizer.added_tokens_json(folder)
    config = clean_config(folder)
    if folder.graph:
        weights.graph(folder, config)
    else:
        weights.checkpoint(folder, config)
    folder.write_json("config.json", quirky_config(folder, config))
    if folder.has_modules:
        modules_json(folder)
        pooling_json(folder)
        sentence_bert_config_json(folder)
        prompts_json(folder)
    return line(folder)


def line(folder: Folder) -> dict:
    """The folder's line of the manifest."""
    return {"folder": folder.name, "pooling": folder.pooling, "graph": folder.graph, "tolerance": folder.tolerance}


def choose(folder: Folder) -> None:
    """What the files have to agree about."""
    draw = folder.draw
    has_graph = draw.maybe(0.25)
    folder.model_type = draw.choice(GRAPHS if has_graph else BUILT)
    if has_graph:
        names = ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/model_fp16.onnx", "encoder.onnx"]
        folder.graph = draw.choice(names[:2] * 3 + names[2:])
    if draw.maybe(0.2):
        folder.has_modules = True
    elif draw.maybe(0.1):
        folder.pooling = draw.choice(["mean", "cls"])
    folder.labels = draw.choice(LABELS)
    if not folder.small:
        folder.hidden, folder.layers = draw.choice([16, 32]), draw.choice([1, 2])
    folder.positions = draw.choice([40, 40, 24, 64])
    folder.described = draw.maybe(0.6)


def clean_config(folder: Folder) -> dict:
    """The fields of config.json that say what the weights are like, as the class writes them."""
    draw = folder.draw
    # Tokens that other files add get the next ids: where the table ends with the vocabulary it lacks them.
    rows = folder.size + draw.choice([10, 10, 10, 10, 10, 0])
    roberta = folder.model_type in ROBERTA_KIN
    config = {
        "architectures": [architecture(folder)],
        "model_type": folder.model_type,
        "pad_token_id": 1 if roberta else 0,
        "vocab_size": rows,
        "max_position_embeddings": folder.positions + (2 if roberta else 0),
    }
    if folder.model_type == "distilbert":
        config |= {"activation": "gelu", "dim": folder.hidden, "hidden_dim": 2 * folder.hidden, "n_heads": 4}
        config |= {"n_layers": folder.layers, "sinusoidal_pos_embds": False}
    else:
        config |= {"hidden_act": "gelu", "hidden_size": folder.hidden, "intermediate_size": 2 * folder.hidden}
        config |= {"layer_norm_eps": 1e-5 if roberta else 1e-12, "num_attention_heads": 4}
        config |= {"num_hidden_layers": folder.layers, "type_vocab_size": 1 if roberta else 2}
    if not folder.is_encoder:
        config["id2label"] = {str(index): label for index, label in enumerate(folder.labels)}
        config["label2id"] = {label: index for index, label in enumerate(folder.labels)}
    if draw.maybe(0.1):
        config["activation" if folder.model_type == "distilbert" else "hidden_act"] = draw.choice(["relu", "gelu_new"])
    return config


def architecture(folder: Folder) -> str:
    return weights.CLASSES[folder.model_type] + ("Model" if folder.is_encoder else "ForSequenceClassification")


def quirky_config(folder: Folder, config: dict) -> dict:
    """The same as somebody has published it: with other names, and with fields that say something else."""
    draw = folder.draw
    config = dict(config)
    count = len(folder.labels)
    if not folder.is_encoder and draw.maybe(0.35):
        labels = {
            "numbers": {str(index): index for index in range(count)},
            "a gap": {str(index + (index == count - 1)): label for index, label in enumerate(folder.labels)},
            "a list": list(folder.labels),
            "another order": {str(index): folder.labels[index] for index in reversed(range(count))},
            "one too few": {str(index): folder.labels[index] for index in range(count - 1)},
            "none": None,
            "the same name twice": {str(index): "same" for index in range(count)},
        }
        config["id2label"] = labels[draw.choice(["numbers", "another order", "none"] * 4 + [*labels])]
        if config["id2label"] is None:
            config |= {"num_labels": count} if draw.maybe(0.5) or count != 2 else {}
            del config["id2label"]
        if draw.maybe(0.5):
            del config["label2id"]
    if not folder.is_encoder and draw.maybe(0.3):
        kinds = ["single_label_classification", "multi_label_classification", "regression", None]
        config["problem_type"] = draw.choice(kinds * 5 + ["ranking"])
    if draw.maybe(0.15):
        prefix = weights.CLASSES[folder.model_type]
        names = [[f"{prefix}ForMultiLabelClassification"], [f"{prefix}ForSentiment"], ["MyClassifier"], [], None]
        config["architectures"] = draw.choice(names * 2 + [[f"{prefix}ForTokenClassification"]])
    if draw.maybe(0.1):
        config[draw.choice(["layerdrop", "summary_first_dropout"])] = float("nan")
    if draw.maybe(0.05):
        unusual = {"position_embedding_type": "relative_key", "is_decoder": True, "quantization_config": {"bits": 4}}
        unusual |= {"pruned_heads": {"0": [1]}, "chunk_size_feed_forward": 1, "output_hidden_states": True}
        unusual |= {"torch_dtype": "float16", "pad_token_id": None, "gradient_checkpointing": True}
        name = draw.choice(sorted(unusual))
        config[name] = unusual[name]
    if draw.maybe(0.03) and not folder.graph:
        config["vocab_size"] = config["vocab_size"] + 5
    return config


def modules_json(folder: Folder) -> None:
    """sentence-transformers: what is done with the vectors of tokens."""
    kinds = ["Transformer", "Pooling"]
    kinds += folder.draw.choice([[], ["Normalize"]] * 4 + [["Dense"]])
    if "Dense" in kinds:
        weights.dense(folder, "2_Dense")
    places = ["" if kind == "Transformer" else f"{index}_{kind}" for index, kind in enumerate(kinds)]
    modules = [
        {"idx": index, "name": str(index), "path": place, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, place) in enumerate(zip(kinds, places))
    ]
    folder.write_json("modules.json", modules)


def pooling_json(folder: Folder) -> None:
    draw = folder.draw
    mode = draw.choice(["cls", "mean", "mean"] * 3 + ["max", "both"])
    if draw.maybe(0.2) and mode != "both":
        folder.write_json("1_Pooling/config.json", {"embedding_dimension": folder.hidden, "pooling_mode": mode})
        return
    modes = {f"pooling_mode_{name}": False for name in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
    modes |= {"pooling_mode_cls_token": mode in ("cls", "both"), "pooling_mode_mean_tokens": mode in ("mean", "both")}
    modes |= {"pooling_mode_max_tokens": mode == "max"}
    folder.write_json("1_Pooling/config.json", {"word_embedding_dimension": folder.hidden} | modes)


def sentence_bert_config_json(folder: Folder) -> None:
    draw = folder.draw
    if draw.maybe(0.7):
        config = {"max_seq_length": draw.choice([16, 24, None]), "do_lower_case": draw.maybe(0.1)}
        folder.write_json("sentence_bert_config.json", config)


def prompts_json(folder: Folder) -> None:
    draw = folder.draw
    if draw.maybe(0.4):
        config = {"__version__": {"sentence_transformers": "3.0.0"}, "prompts": {"query": "hello ", "document": ""}}
        config["default_prompt_name"] = draw.choice([None, None, "document", "query"])
        folder.write_json("config_sentence_transformers.json", config)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--small", action="store_true", help="what fits a committed fixture")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    lines = [write(options.out, options.seed, index, options.small) for index in range(options.count)]
    write_manifest(options.out, lines)


def write_manifest(out: Path, lines: list[dict]) -> None:
    (out / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
