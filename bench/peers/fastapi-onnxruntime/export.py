"""Exports the checkpoints to fused ONNX graphs: the peer's build step, run once.

    python export.py <folder of checkpoints> <folder for the graphs>

Each model goes through torch.onnx and ONNX Runtime's own transformer optimizer, which fuses Attention,
SkipLayerNormalization and BiasGelu. EmbedLayerNormalization does not match RoBERTa's position ids;
what stays unfused there is three gathers and two sums of a text. A model that is there is kept.
"""

import gc
import json
import shutil
import sys
import warnings
from pathlib import Path

import torch
from classifiers import MODELS
from onnxruntime.transformers.optimizer import optimize_model
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

OPSET = 17


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask=attention_mask).logits


def export(checkpoint: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    raw = target.with_name(target.name + ".raw")
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    config = AutoConfig.from_pretrained(checkpoint)
    write_graph(checkpoint, raw / "model.onnx")
    gc.collect()
    fused = optimize_model(
        str(raw / "model.onnx"),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )
    counts = fused.get_fused_operator_statistics()
    if counts["Attention"] != config.num_hidden_layers or counts["BiasGelu"] != config.num_hidden_layers:
        raise RuntimeError(f"{checkpoint}: not fused: {counts}")
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    fused.save_model_to_file(str(part / "model.onnx"), use_external_data_format=True)
    AutoTokenizer.from_pretrained(checkpoint).backend_tokenizer.save(str(part / "tokenizer.json"))
    labels = [config.id2label[index] for index in range(config.num_labels)]
    (part / "labels.json").write_text(json.dumps(labels))
    shutil.rmtree(raw)
    # Last, so that a folder with this name is complete.
    part.rename(target)


def write_graph(checkpoint: Path, path: Path) -> None:
    """The plain graph. The optimizer knows the exporter of TorchScript and eager attention best."""
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, attn_implementation="eager", dtype=torch.float32
    )
    ids = torch.randint(5, 1000, (2, 16))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    axes = {0: "batch", 1: "sequence"}
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            Logits(model).eval(),
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


def main() -> None:
    logging.set_verbosity_error()
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    for name in MODELS:
        if (target / name).exists():
            print(f"{target / name}: is there already")
            continue
        export(source / name, target / name)
        print(f"{target / name}: exported", flush=True)


if __name__ == "__main__":
    main()
