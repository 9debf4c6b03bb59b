"""Quantizes the fused graphs with ONNX Runtime's own dynamic int8, the recipe of its documentation.

    python quantize.py <folder of fused graphs> <folder for the int8 graphs>

Weights int8 per tensor, activations by `DynamicQuantizeLinear` as they come; embeddings stay fp32. A model
that is there is kept.
"""

import shutil
import sys
from pathlib import Path

from classifiers import MODELS
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    quantize_dynamic(
        source / "model.onnx",
        part / "model.onnx",
        op_types_to_quantize=["MatMul", "Attention"],
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
        # Shape inference does not know the fused operators.
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )
    for name in ("tokenizer.json", "labels.json"):
        shutil.copy(source / name, part / name)
    part.rename(target)


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    for name in MODELS:
        if not (target / name).exists():
            quantize(source / name, target / name)
        print(target / name, flush=True)


if __name__ == "__main__":
    main()
