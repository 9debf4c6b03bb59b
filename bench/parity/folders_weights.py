"""Weights and graphs of a random folder: see `folders.py`.

A checkpoint is one of transformers' classes with random weights, as `checkpoints.py` makes it. A graph is a
model of our own, small enough to be written by hand: every token's vector is multiplied with that of its
position, so that no token can be dropped, added or moved without changing the answer.
"""

import zlib

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

import checkpoints

CLASSES = checkpoints.CLASSES | {"electra": "Electra", "mpnet": "MPNet"}
# How far the half-precision output of a graph may be from another run of it: one step of a number below 4.
HALF_STEP = 2e-3
# Bytes; half a megabyte is usual. Smaller tensors say what a node does, and must be in the graph itself.
EXTERNAL_THRESHOLD = 64


def checkpoint(folder, config: dict) -> None:
    """Weights of every type, in one file or several, as safetensors or pickled."""
    draw = folder.draw
    dtype = draw.choice(["float32"] * 4 + ["float16", "bfloat16", "float64"])
    names = ["published"] * 4 + (["buffers"] if folder.model_type != "distilbert" else []) + (["masked-lm"] if folder.is_encoder else [])
    names += ["gamma-beta"] if folder.model_type == "bert" else []
    plan = checkpoints.Checkpoint(
        name=folder.name,
        family=folder.model_type,
        tokenizer=None,
        pooling="mean" if folder.is_encoder else "",
        names=draw.choice(names),
        std=0.4,
    )
    folder.write_json("config.json", config)
    tensors = checkpoints.rename(checkpoints.random_model(plan, folder.path).state_dict(), plan)
    dtype = getattr(torch, dtype)
    tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    save(folder, {name: tensor.contiguous() for name, tensor in tensors.items()})


def save(folder, tensors: dict) -> None:
    draw = folder.draw
    shards, is_pickled = draw.choice([1, 1, 1, 2, 3]), draw.maybe(0.4)
    if folder.pickled_shards:
        pickled_shards(folder, tensors, folder.pickled_shards)
    elif not is_pickled:
        checkpoints.save(tensors, folder.path, shards)
    elif shards > 1:
        pickled_shards(folder, tensors, shards)
    else:
        torch.save(tensors, folder.path / "pytorch_model.bin", _use_new_zipfile_serialization=draw.maybe(0.7))


def pickled_shards(folder, tensors: dict, shards: int) -> None:
    places = {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05}-of-{shards:05}.bin"
        part = {name: tensors[name] for name in sorted(tensors)[shard::shards]}
        torch.save(part, folder.path / file)
        places |= dict.fromkeys(part, file)
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    folder.write_json("pytorch_model.bin.index.json", {"metadata": {"total_size": size}, "weight_map": places})


def dense(folder, place: str) -> None:
    """sentence-transformers' linear layer behind the pooling."""
    config = {"in_features": folder.hidden, "out_features": 8, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"}
    folder.write_json(f"{place}/config.json", config)
    random = Random(folder.name + place)
    tensors = {"linear.weight": random(8, folder.hidden), "linear.bias": random(8)}
    save_file({name: torch.from_numpy(numbers) for name, numbers in tensors.items()}, folder.path / place / "model.safetensors")


class Random:
    """Arrays of normal numbers, seeded by a name."""

    def __init__(self, name: str):
        self.generator = numpy.random.Generator(numpy.random.PCG64(zlib.crc32(name.encode())))

    def __call__(self, *shape: int) -> numpy.ndarray:
        return self.generator.standard_normal(shape).astype(numpy.float32)


def graph(folder, config: dict) -> None:
    """An ONNX file with the inputs and outputs that exporters give them, or unusual ones."""
    draw = folder.draw
    texts = folder.fixed_texts or draw.choice(["batch"] * 12 + [1] * 5 + [8])
    tokens = draw.choice(["sequence"] * 5 + [24])
    integers = draw.choice([TensorProto.INT64] * 3 + [TensorProto.INT32])
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if draw.maybe(0.6) else [])
    half = draw.maybe(0.2) and not folder.is_encoder
    if half:
        folder.tolerance = HALF_STEP
    nodes, tensors, output = layers(folder, config, "token_type_ids" in names)
    last = tensor_type(output, [texts, tokens, folder.hidden] if folder.is_encoder else [texts, len(folder.labels)], half)
    if half:
        nodes.append(helper.make_node("Cast", ["single"], [output], to=TensorProto.FLOAT16))
    inputs = [helper.make_tensor_value_info(name, integers, [texts, tokens]) for name in names]
    initializers = [numpy_helper.from_array(numbers, name) for name, numbers in tensors.items()]
    made = helper.make_graph(nodes, "random", inputs, [last], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder.path / folder.graph
    path.parent.mkdir(exist_ok=True)
    external = {"location": f"{path.name}_data", "size_threshold": EXTERNAL_THRESHOLD}
    is_external = draw.maybe(0.2) or folder.is_external
    onnx.save(model, path, save_as_external_data=is_external, **(external if is_external else {}))
    if draw.maybe(0.3) and folder.model_type not in checkpoints.CLASSES:
        original(folder)


def original(folder) -> None:
    """What a graph was exported from, as far as anybody looks: of a type that Chorus builds no graph for."""
    tensors = {"embeddings.word_embeddings.weight": torch.zeros(2, 2)}
    save_file(tensors, folder.path / "model.safetensors", metadata={"format": "pt"})


def tensor_type(name: str, shape: list, half: bool):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT16 if half else TensorProto.FLOAT, shape)


def layers(folder, config: dict, has_types: bool) -> tuple[list, dict, str]:
    """Nodes and their tensors; the output's name. One of half precision is made from `single` afterwards."""
    random, hidden = Random(folder.name), folder.hidden
    roberta = config["max_position_embeddings"] != folder.positions
    tensors = {
        "words": random(config["vocab_size"], hidden),
        "positions": 1 + random(config["max_position_embeddings"], hidden),
        "mixed": random(hidden, hidden) / 4,
        "first": numpy.array(config["pad_token_id"] + 1 if roberta else 0),
        "one": numpy.array(1),
        "axis": numpy.array([1]),
        "last": numpy.array([2]),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["words", "input_ids"], ["vectors"]),
        node("Shape", ["input_ids"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"]),
        node("Add", ["length", "first"], ["end"]),
        node("Range", ["first", "end", "one"], ["places"]),
        node("Gather", ["positions", "places"], ["place_vectors"]),
        node("Mul", ["vectors", "place_vectors"], ["placed"]),
        node("MatMul", ["placed", "mixed"], ["mix"]),
    ]
    mix = "mix"
    if has_types:
        tensors["types"] = random(2, hidden)
        nodes += [node("Gather", ["types", "token_type_ids"], ["type_vectors"]), node("Add", ["mix", "type_vectors"], ["typed"])]
        mix = "typed"
    if folder.is_encoder:
        output = folder.draw.choice(["last_hidden_state", "token_embeddings"])
        return [*nodes, node("Tanh", [mix], [output])], tensors, output
    tensors |= {"classifier": random(hidden, len(folder.labels)), "bias": random(len(folder.labels))}
    half = folder.tolerance == HALF_STEP
    nodes += [
        node("Tanh", [mix], ["states"]),
        node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["kept", "last"], ["mask"]),
        node("Mul", ["states", "mask"], ["masked"]),
        node("ReduceSum", ["masked", "axis"], ["sum"], keepdims=0),
        node("ReduceSum", ["mask", "axis"], ["count"], keepdims=0),
        node("Div", ["sum", "count"], ["mean"]),
        node("MatMul", ["mean", "classifier"], ["scores"]),
        node("Add", ["scores", "bias"], ["single" if half else "logits"]),
    ]
    return nodes, tensors, "logits"
