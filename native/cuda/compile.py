"""Compiles kernels.cu to PTX, which is committed: a machine that builds Chorus needs no CUDA.

    python native/cuda/compile.py

Needs the packages of native/cuda/requirements.txt and no GPU. Writes kernels_sm<architecture>.ptx for each of
ARCHITECTURES; the driver translates the newest one that the card can run. The first line has the source's digest, by
which a test knows a file that was forgotten: the compiler's output itself differs in details from run to run.
"""

import ctypes
import hashlib
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "kernels.cu"
# Turing (T4), and Ampere and whatever came after it.
ARCHITECTURES = (75, 80)


def main() -> None:
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    for architecture in ARCHITECTURES:
        ptx = f"// kernels.cu, sha256 {digest}\n".encode() + compile_ptx(architecture)
        (HERE / f"kernels_sm{architecture}.ptx").write_bytes(ptx)


def compile_ptx(architecture: int) -> bytes:
    nvrtc = ctypes.CDLL(str(next(package("nvidia.cuda_nvrtc").glob("lib/libnvrtc.so.*"))))
    program = ctypes.c_void_p()
    require(nvrtc, nvrtc.nvrtcCreateProgram(ctypes.byref(program), SOURCE.read_bytes(), b"kernels.cu", 0, None, None))
    options = [
        f"--gpu-architecture=compute_{architecture}",
        "--std=c++17",
        f"--include-path={package('nvidia.cuda_runtime') / 'include'}",
    ]
    arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = nvrtc.nvrtcCompileProgram(program, len(options), arguments)
    log = fetch(nvrtc, program, "ProgramLog").decode()
    if log:
        print(log, file=sys.stderr)
    require(nvrtc, status)
    return fetch(nvrtc, program, "PTX")


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"the Python package {name} is missing: install native/cuda/requirements.txt")
    return Path(spec.submodule_search_locations[0])


def fetch(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    require(nvrtc, getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    require(nvrtc, getattr(nvrtc, f"nvrtcGet{what}")(program, text))
    return text.value


def require(nvrtc: ctypes.CDLL, status: int) -> None:
    if status != 0:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        sys.exit(f"nvrtc: {nvrtc.nvrtcGetErrorString(status).decode()}")


main()
