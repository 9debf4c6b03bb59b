"""Makes the graphs that OpenVINO runs in int8: weights quantized ahead, activations by OpenVINO itself.

    python quantize_weights.py <folder of fused graphs> <folder for the int8 graphs>

Each weight of a linear layer becomes int8 with one scale per output channel and a DequantizeLinear behind it.
OpenVINO folds that pair into its own int8 operator, which quantizes activations per token as they come
(DYNAMIC_QUANTIZATION_GROUP_SIZE, set by the server); embeddings stay fp32. A model that is there is kept.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from classifiers import MODELS
from onnx import numpy_helper

# A smaller matrix is a head's, whose price is nothing.
LEAST_OUTPUTS = 768
# Query, key and value in one, attention output, feed-forward in and out, in each of 12.
LAYERS = 48


def quantize(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model = onnx.load(source / "model.onnx")
    done = quantize_weights(model.graph)
    if done < LAYERS:
        raise RuntimeError(f"{source}: {done} linear layers found, not {LAYERS}")
    onnx.save(model, part / "model.onnx")
    for name in ("tokenizer.json", "labels.json"):
        shutil.copy(source / name, part / name)
    part.rename(target)


def quantize_weights(graph: onnx.GraphProto) -> int:
    """Gives how many weights there were."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    done = 0
    for node in graph.node:
        weight = tensors.get(node.input[1]) if node.op_type in ("Attention", "MatMul") else None
        if weight is not None and len(weight.dims) == 2 and weight.dims[1] >= LEAST_OUTPUTS:
            nodes.append(dequantize(graph, node, numpy_helper.to_array(weight)))
            done += 1
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return done


def dequantize(graph: onnx.GraphProto, node: onnx.NodeProto, weight: np.ndarray) -> onnx.NodeProto:
    """Stores `weight` (inputs × outputs) as int8 and points `node` to what the new node makes of it."""
    scales = np.maximum(np.abs(weight).max(axis=0), 1e-12).astype(np.float32) / 127
    quantized = np.clip(np.rint(weight / scales), -127, 127).astype(np.int8)
    name = node.input[1] + "/" + node.name
    for suffix, array in (("q", quantized), ("scale", scales), ("zero", np.zeros(len(scales), np.int8))):
        graph.initializer.append(numpy_helper.from_array(array, f"{name}/{suffix}"))
    node.input[1] = f"{name}/dequantized"
    inputs = [f"{name}/{suffix}" for suffix in ("q", "scale", "zero")]
    return onnx.helper.make_node("DequantizeLinear", inputs, [node.input[1]], name=f"{name}/DequantizeLinear", axis=1)


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    for name in MODELS:
        if not (target / name).exists():
            quantize(source / name, target / name)
            print(f"{target / name}: quantized", flush=True)


if __name__ == "__main__":
    main()
