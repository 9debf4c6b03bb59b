"""Compiles kernels.cu to PTX, which is committed: a machine that builds Chorus needs no CUDA.

    python native/cuda/compile.py [--check]

Needs the packages of native/cuda/requirements.txt and no GPU. Writes kernels_sm<architecture>.ptx for each of
ARCHITECTURES; the driver translates the newest one that the card can run. --check writes nothing and fails where a
file is not what the sources give.
"""

import ctypes
import importlib.util
import multiprocessing
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "kernels.cu"
# Turing (T4), and Ampere and whatever came after it.
ARCHITECTURES = (75, 80)


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    stale = []
    # A process each: what was compiled before leaves its traces in the second program.
    with multiprocessing.get_context("spawn").Pool(len(ARCHITECTURES), maxtasksperchild=1) as pool:
        programs = pool.map(compile_ptx, ARCHITECTURES, chunksize=1)
    for architecture, ptx in zip(ARCHITECTURES, programs):
        path = HERE / f"kernels_sm{architecture}.ptx"
        if not check:
            path.write_bytes(ptx)
        elif not path.exists() or path.read_bytes() != ptx:
            stale.append(path.name)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what kernels.cu gives; run make cuda-kernels")


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


if __name__ == "__main__":
    main()
