"""`make gpu-graphs`: the graphs that only CUDA can run, checked without a GPU.

    python check_graph.py

For a tiny checkpoint of every architecture (bench/parity/fixtures), as it is and with other activations and
stored in half precision, in exact and in fp16, what `cargo run --example cuda_graph` writes must

- pass ONNX's checker,
- have a known type and shape everywhere by ONNX Runtime's symbolic shape inference, no dimension of which
  depends on numbers that the graph computes,
- give the logits that transformers gives, computed by `onnx.reference` with the operators of operators.py,
  both in a batch of its own size and in one filled up for a CUDA graph.

It says nothing about CUDA's kernels themselves. Exits with 1 where something differs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference
from operators import OPERATORS
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "bench" / "parity" / "fixtures"
MEAN = "bert-mean"
# Name, fixture, changes of its config, how its weights are stored.
CASES = [
    ("bert", "bert", {}, torch.float32),
    ("bert-mean", MEAN, {}, torch.float32),
    ("distilbert", "distilbert", {}, torch.float32),
    ("roberta", "roberta", {}, torch.float32),
    ("xlm-roberta", "xlm-roberta", {}, torch.float32),
    ("xlm-roberta stored as f16", "xlm-roberta", {}, torch.float16),
    ("xlm-roberta stored as bf16", "xlm-roberta", {}, torch.bfloat16),
    ("bert with gelu_new", "bert", {"hidden_act": "gelu_new"}, torch.float32),
    ("roberta with relu", "roberta", {"hidden_act": "relu"}, torch.float32),
    ("roberta with silu", "roberta", {"hidden_act": "silu"}, torch.float32),
]
# Largest difference of logits (or of a vector's numbers) from transformers: sums in another order, and half
# precision's 11 bits over a few layers. The logits of these checkpoints are of the order of 1.
TOLERANCE = {"exact": 1e-5, "fp16": 1e-2}
# What a dimension may be: a number, or one of the inputs' own.
DIMENSION = re.compile(r"\d+|T|B|S|B ?\+ ?1")


def main():
    failed = False
    print(f"{'checkpoint':<28}{'precision':<11}{'shapes':>8}{'own size':>12}{'filled up':>12}")
    for name, fixture, changes, dtype in CASES:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = copied(fixture, Path(folder), changes, dtype)
            texts = [case["ids"] for case in json.loads((FIXTURES / fixture / "expected.json").read_text())["cases"]]
            expected = transformers_answers(checkpoint, fixture == MEAN, texts)
            for precision, tolerance in TOLERANCE.items():
                model, batches = written(checkpoint, texts, precision)
                shapes = check_shapes(model)
                errors = [error(model, batches[batch], expected) for batch in ("own", "filled")]
                wrong = not max(errors) <= tolerance
                failed |= wrong
                numbers = "".join(f"{number:12.1e}" for number in errors)
                print(f"{name:<28}{precision:<11}{shapes:>8}{numbers}{'  WRONG' if wrong else ''}")
    sys.exit(1 if failed else 0)


def copied(fixture, folder, changes, dtype):
    """A copy of the fixture that a graph can lie beside."""
    config = json.loads((FIXTURES / fixture / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    weights = load_file(FIXTURES / fixture / "model.safetensors")
    save_file({name: tensor.to(dtype) for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def transformers_answers(checkpoint, pools, texts):
    """Logits, or the mean of the last layer's vectors: [texts, width]."""
    loader = AutoModel if pools else AutoModelForSequenceClassification
    model = loader.from_pretrained(checkpoint, dtype=torch.float32).eval()
    with torch.inference_mode():
        outputs = [model(input_ids=torch.tensor([ids])) for ids in texts]
        rows = [(out.last_hidden_state.mean(dim=1) if pools else out.logits)[0].numpy() for out in outputs]
    return np.stack(rows)


def written(checkpoint, texts, precision):
    """The graph, with its weights, and the batches that the engine makes of `texts`."""
    (checkpoint / "texts.json").write_text(json.dumps(texts))
    cargo = shutil.which("cargo") or sys.exit("cargo is missing")
    command = [cargo, "run", "--quiet", "--locked", "--manifest-path", ROOT / "native" / "Cargo.toml"]
    command += ["-p", "chorus-runtime", "--example", "cuda_graph", "--"]
    subprocess.run([*command, checkpoint, checkpoint / "texts.json", precision, checkpoint], check=True)
    onnx.checker.check_model(checkpoint / "model.onnx")
    return onnx.load(checkpoint / "model.onnx"), json.loads((checkpoint / "batches.json").read_text())


def check_shapes(model):
    """Infers every value's type and shape; returns how many there are."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        # The inference writes files where it runs.
        os.chdir(scratch)
        try:
            inferred = SymbolicShapeInference.infer_shapes(without_fused_products(model), guess_output_rank=False)
        finally:
            os.chdir(here)
    known = {value.name: value.type.tensor_type for value in [*inferred.graph.value_info, *inferred.graph.output]}
    for node in inferred.graph.node:
        for name in node.output:
            if name not in known:
                raise ValueError(f"{name} ({node.op_type}) has no inferred type")
            dims = [dim.dim_param or str(dim.dim_value) for dim in known[name].shape.dim]
            if not (known[name].elem_type and dims and all(DIMENSION.fullmatch(dim) for dim in dims)):
                raise ValueError(f"{name} ({node.op_type}) is inferred as {dims}")
    output = inferred.graph.output[0].type.tensor_type
    if output.elem_type != onnx.TensorProto.FLOAT or output.shape.dim[0].dim_param != "B":
        raise ValueError("the output is not f32 per text")
    return len(known)


def without_fused_products(model):
    """The same with `FusedMatMul(transB)` spelled out, which the inference does not know."""
    spelled_out = onnx.ModelProto()
    spelled_out.CopyFrom(model)
    nodes = []
    for node in spelled_out.graph.node:
        if node.op_type == "FusedMatMul":
            left, right = node.input
            nodes.append(onnx.helper.make_node("Transpose", [right], [f"{node.output[0]}/right"], perm=[1, 0]))
            node = onnx.helper.make_node("MatMul", [left, f"{node.output[0]}/right"], node.output)
        nodes.append(node)
    del spelled_out.graph.node[:]
    spelled_out.graph.node.extend(nodes)
    return spelled_out


def error(model, batch, expected):
    """The largest difference from `expected`; what fills the batch is left out."""
    kinds = {value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    if set(kinds) != set(batch):
        raise ValueError(f"the graph takes {sorted(kinds)}, the engine gives {sorted(batch)}")
    inputs = {name: np.array(given["numbers"], kinds[name]).reshape(given["shape"]) for name, given in batch.items()}
    (output,) = ReferenceEvaluator(model, new_ops=OPERATORS).run(None, inputs)
    return np.abs(output[: len(expected)] - expected).max()


if __name__ == "__main__":
    main()
