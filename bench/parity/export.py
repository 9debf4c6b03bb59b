"""Turns a checkpoint into a plain padded ONNX file, as an exporter of the hub would publish it.

`model.onnx` takes `input_ids`, `attention_mask` and `token_type_ids` of any batch and length, and
replaces the checkpoint's safetensors file.
"""

import logging
import warnings
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits


def export(folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    ids = torch.randint(5, 100, (2, 7))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    sequence = torch.export.Dim("sequence", min=2, max=model.config.max_position_embeddings)
    shape = {0: torch.export.Dim("batch", min=1, max=4096), 1: sequence}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            Logits(model).eval(),
            (ids, mask, torch.zeros_like(ids)),
            input_names=INPUTS,
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(INPUTS, shape),
            dynamo=True,
            verbose=False,
        )
    for node in program.model.graph:
        # Stack traces of the exporter, larger than the weights.
        node.metadata_props.clear()
    program.save(str(folder / "model.onnx"), external_data=False)
    (folder / "model.safetensors").unlink()
