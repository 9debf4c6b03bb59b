"""Exports the checkpoints to ONNX graphs: the peer's build step, run once.

    python export.py <folder of checkpoints> <folder for the graphs> [--plain]

With --plain graphs stay as the exporter wrote them, for OpenVINO, which fuses by itself. Else each model goes through ONNX Runtime's own transformer optimizer, which fuses Attention, SkipLayerNormalization
and BiasGelu. EmbedLayerNormalization does not match RoBERTa's position ids; what stays unfused there is
three gathers and two sums of a text. A model that is there is kept.
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
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig
from transformers.utils import logging

OPSET = 17


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask=attention_mask).logits


def export(checkpoint: Path, target: Path, plain: bool) -> None:
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    config = AutoConfig.from_pretrained(checkpoint)
    write_graph(checkpoint, part / "model.onnx")
    gc.collect()
    if not plain:
        fuse(part / "model.onnx", config)
    AutoTokenizer.from_pretrained(checkpoint).backend_tokenizer.save(str(part / "tokenizer.json"))
    labels = [config.id2label[index] for index in range(config.num_labels)]
    (part / "labels.json").write_text(json.dumps(labels))
    # Last, so that a folder with this name is complete.
    part.rename(target)


def fuse(path: Path, config: PretrainedConfig) -> None:
    """Replaces the plain graph by the fused one."""
    fused = optimize_model(
        str(path),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )
    counts = fused.get_fused_operator_statistics()
    if counts["Attention"] != config.num_hidden_layers or counts["BiasGelu"] != config.num_hidden_layers:
        raise RuntimeError(f"{path}: not fused: {counts}")
    path.unlink()
    fused.save_model_to_file(str(path), use_external_data_format=True)


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
    source, target, plain = Path(sys.argv[1]), Path(sys.argv[2]), "--plain" in sys.argv[3:]
    for name in MODELS:
        if not (target / name).exists():
            export(source / name, target / name, plain)
            print(f"{target / name}: exported", flush=True)


if __name__ == "__main__":
    main()
