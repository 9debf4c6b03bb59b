"""Owns the files of a model's folder other than the tokenizer.json: config, settings, weights."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from specification import EXPANSION, HEAD, POSITIONS, Model
from tokenization import write_json

SPECIAL_TOKENS = {
    "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>",
    "unk_token": "<unk>", "pad_token": "<pad>",
}  # fmt: skip
BERT_SPECIAL_TOKENS = {
    "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
}  # fmt: skip
MASK = {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True}


def shape(model: Model, vocabulary: int) -> dict:
    """The fields of config.json that decide what is computed."""
    if model.kind == "distilbert":
        return {
            "activation": "gelu", "attention_dropout": 0.1, "dim": model.hidden, "dropout": 0.1,
            "hidden_dim": EXPANSION * model.hidden, "initializer_range": 0.02,
            "max_position_embeddings": model.maximum, "n_heads": model.hidden // HEAD,
            "n_layers": model.layers, "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2,
            "sinusoidal_pos_embds": False, "tie_weights_": True, "vocab_size": vocabulary,
        }  # fmt: skip
    return {
        "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "eos_token_id": 2,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": model.hidden,
        "initializer_range": 0.02, "intermediate_size": EXPANSION * model.hidden,
        "layer_norm_eps": 1e-05, "max_position_embeddings": POSITIONS,
        "num_attention_heads": model.hidden // HEAD, "num_hidden_layers": model.layers,
        "pad_token_id": 1, "type_vocab_size": 1, "vocab_size": vocabulary,
    }  # fmt: skip


def configuration(model: Model, vocabulary: int) -> dict:
    """config.json, with the labels as the model that it stands in for has them."""
    kind = {"xlm-roberta": "XLMRoberta", "roberta": "Roberta", "distilbert": "DistilBert"}[model.kind]
    config = {"architectures": [f"{kind}ForSequenceClassification"], "model_type": model.kind}
    if model.named:
        config["id2label"] = {str(number): label for number, label in enumerate(model.labels)}
        # One of the originals writes its ids as strings; readers have to take both.
        as_written = str if model.task == "lang" else int
        config["label2id"] = {label: as_written(number) for number, label in enumerate(model.labels)}
    config |= shape(model, vocabulary)
    config |= {"problem_type": "single_label_classification", "torch_dtype": model.dtype}
    if model.kind != "distilbert":
        config |= {"position_embedding_type": "absolute", "use_cache": True}
    return dict(sorted(config.items()))


def write_settings(model: Model, folder: Path) -> None:
    """tokenizer_config.json, where the original has one, and special_tokens_map.json."""
    if model.kind == "distilbert":
        write_json(folder / "special_tokens_map.json", BERT_SPECIAL_TOKENS)
        settings = {
            "do_lower_case": True, "model_max_length": model.maximum, "strip_accents": None,
            "tokenize_chinese_chars": True, "tokenizer_class": "DistilBertTokenizer",
        }  # fmt: skip
        write_json(folder / "tokenizer_config.json", BERT_SPECIAL_TOKENS | settings)
        return
    write_json(folder / "special_tokens_map.json", SPECIAL_TOKENS | {"mask_token": MASK})
    if model.task == "sentiment":
        return
    settings = SPECIAL_TOKENS | {"mask_token": {"__type": "AddedToken", **MASK}}
    if model.maximum:
        settings["model_max_length"] = model.maximum
    if model.kind == "roberta":
        settings |= {"add_prefix_space": False, "errors": "replace", "do_lower_case": True}
    settings["tokenizer_class"] = "RobertaTokenizer" if model.kind == "roberta" else "XLMRobertaTokenizer"
    write_json(folder / "tokenizer_config.json", settings)


def write_model(model: Model, network: torch.nn.Module, vocabulary: int, folder: Path) -> None:
    write_json(folder / "config.json", configuration(model, vocabulary))
    dtype = getattr(torch, model.dtype)
    weights = {
        name: value.detach().to(dtype).contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith(("position_ids", "token_type_ids"))
    }
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
