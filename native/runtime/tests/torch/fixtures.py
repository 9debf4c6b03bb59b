"""Writes `fixtures/`: one small state dict in every format of `torch.save`, and what it is as safetensors.

Run by hand (`python native/runtime/tests/torch/fixtures.py`, with torch and safetensors) when the list
below changes, and commit the result.
"""

import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "fixtures"


def tensors() -> OrderedDict:
    torch.manual_seed(0)
    base = torch.randn(6, 5)
    shared = torch.randn(4, 3)
    state = OrderedDict(
        {
            "parameter": torch.nn.Parameter(torch.randn(3, 4)),
            "tied": shared,
            "tied.again": shared,
            "row": base[2],
            "column": base[:, 3],
            "transposed": base.t(),
            "block": base[1:5, 1:4],
            "every.other": base[::2, ::3],
            "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
            "expanded": torch.randn(3, 1).expand(3, 4),
            "position_ids": torch.arange(7).expand((1, -1)),
            "scalar": torch.tensor(2.5),
            "empty": torch.zeros(0, 3),
            "f64": torch.randn(3, dtype=torch.float64),
            "f16": torch.randn(3).to(torch.float16),
            "bf16": torch.randn(3).to(torch.bfloat16),
            "i64": torch.tensor([-1, 2**62]),
            "i32": torch.tensor([-1, 2**30], dtype=torch.int32),
            "i16": torch.tensor([-1, 2**14], dtype=torch.int16),
            "i8": torch.tensor([-1, 100], dtype=torch.int8),
            "u8": torch.tensor([1, 200], dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
            "größe \"1\"": torch.ones(2),
        }
    )
    state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return state


def repack(name: str, compression: int = zipfile.ZIP_STORED, replace: dict[str, bytes] | None = None) -> None:
    """Writes the entries of `archive.bin` anew."""
    replace = replace or {}
    with zipfile.ZipFile(FOLDER / "archive.bin") as source, zipfile.ZipFile(FOLDER / name, "w") as target:
        for entry in source.infolist():
            contents = replace.get(entry.filename, source.read(entry))
            target.writestr(zipfile.ZipInfo(entry.filename), contents, compression)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    state = tensors()
    plain = {name: tensor.detach().contiguous().clone() for name, tensor in state.items()}
    save_file(plain, FOLDER / "expected.safetensors", metadata={"format": "pt"})

    torch.save(state, FOLDER / "archive.bin")
    torch.save(state, FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        torch.save(dict(state), FOLDER / f"protocol-{protocol}.bin", pickle_protocol=protocol)
    torch.save(
        dict(state),
        FOLDER / "legacy-protocol-4.bin",
        pickle_protocol=4,
        _use_new_zipfile_serialization=False,
    )
    state["steps"] = 2**70
    extras = {"epoch": 3, "loss": 0.5, "done": True, "args": {"name": "x", "sizes": (1, -2, 2**40)}, "optimizer": None}
    torch.save({**extras, "state_dict": state}, FOLDER / "wrapped.bin")

    repack("compressed.bin", compression=zipfile.ZIP_DEFLATED)
    repack("big-endian.bin", replace={"archive/byteorder": b"big"})
    # Every number in the ZIP64 fields, as in an archive of more than 4 GiB.
    zipfile.ZIP64_LIMIT = 0
    repack("zip64.bin")


if __name__ == "__main__":
    main()
