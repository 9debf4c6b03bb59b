"""Vectors to search, and libraries that search them by one thread.

    python libraries.py make FOLDER ROWS DIMENSIONS
    python libraries.py measure FOLDER LIBRARY QUERIES TOGETHER

`make` writes `vectors.f32`, `queries.f32` and `truth.json`, the rows nearest to each query by comparing all of them in f32.
Vectors lie in clusters, as texts do: a centre, noise in a small subspace of its own, and a little in all directions. Half of
the queries are other members of the clusters; the other half are paraphrases: a row with noise, whose nearest row it is.

`measure` prints a line of JSON: seconds to build, milliseconds of a query that is asked alone (median and 99th percentile),
the share of queries whose nearest row is found, and of the ten nearest, queries a second with so many in each call as
`TOGETHER` lists (1,10,64), and the growth of the process in bytes.
"""

import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np

QUERIES = 1000
TOP = 10
CLUSTERS = 1000
SUBSPACE = 24


def normalized(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make(folder: Path, rows: int, dimensions: int) -> None:
    random = np.random.default_rng(1)
    centres = normalized(random.standard_normal((CLUSTERS, dimensions)))
    spaces = random.standard_normal((CLUSTERS, SUBSPACE, dimensions)).astype(np.float32) / math.sqrt(dimensions)

    def members(count: int) -> np.ndarray:
        clusters = random.integers(CLUSTERS, size=count)
        inner = random.standard_normal((count, SUBSPACE)).astype(np.float32) / math.sqrt(SUBSPACE)
        noise = 0.75 * np.einsum("cs,csd->cd", inner, spaces[clusters])
        everywhere = 0.35 * random.standard_normal((count, dimensions)).astype(np.float32) / math.sqrt(dimensions)
        return normalized(centres[clusters] + noise + everywhere)

    vectors = np.concatenate([members(min(2000, rows - begin)) for begin in range(0, rows, 2000)])
    paraphrased = vectors[random.integers(rows, size=QUERIES // 2)]
    noise = 0.6 * random.standard_normal(paraphrased.shape).astype(np.float32) / math.sqrt(dimensions)
    queries = np.concatenate([members(QUERIES - len(paraphrased)), normalized(paraphrased + noise)])
    queries = queries[random.permutation(QUERIES)]
    vectors.tofile(folder / "vectors.f32")
    queries.tofile(folder / "queries.f32")
    (folder / "truth.json").write_text(json.dumps(nearest(vectors, queries).tolist()))


def nearest(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The `TOP` rows of each query, best first: shape [queries, TOP]."""
    best = np.empty((len(queries), 0), dtype=np.float32)
    rows = np.empty((len(queries), 0), dtype=np.int64)
    for begin in range(0, len(vectors), 50_000):
        scores = np.concatenate([best, queries @ vectors[begin : begin + 50_000].T], axis=1)
        places = np.arange(begin, min(begin + 50_000, len(vectors)))
        all_rows = np.concatenate([rows, np.broadcast_to(places, (len(queries), len(places)))], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        best, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(all_rows, order, 1)
    return rows


def flat(vectors: np.ndarray):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda queries: index.search(queries, TOP)[1]


def ivf(vectors: np.ndarray):
    import faiss

    lists = int(4 * math.sqrt(len(vectors)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:: max(1, len(vectors) // (lists * 40))])
    index.add(vectors)
    index.nprobe = 16
    faiss.omp_set_num_threads(1)
    return lambda queries: index.search(queries, TOP)[1]


def usearch(vectors: np.ndarray):
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=128, expansion_search=256)
    index.add(np.arange(len(vectors)), vectors)
    return lambda queries: index.search(queries, TOP, threads=1).keys.reshape(len(queries), TOP)


LIBRARIES = {"faiss-flat": flat, "faiss-ivf": ivf, "usearch": usearch}


def measure(folder: Path, library: str, count: int, together: list[int]) -> dict:
    queries = np.fromfile(folder / "queries.f32", dtype=np.float32).reshape(QUERIES, -1)
    vectors = np.fromfile(folder / "vectors.f32", dtype=np.float32).reshape(-1, queries.shape[1])
    truth = json.loads((folder / "truth.json").read_text())
    before = memory()
    begun = time.perf_counter()
    search = LIBRARIES[library](vectors)
    seconds = time.perf_counter() - begun
    for query in queries[:5]:
        search(query[None])
    times, found = [], []
    for query in queries[:count]:
        begun = time.perf_counter()
        found.append([int(row) for row in search(query[None])[0]])
        times.append((time.perf_counter() - begun) * 1e3)
    pairs = list(zip(found, truth[:count]))
    rates = []
    for size in together:
        begun = time.perf_counter()
        for begin in range(0, count, size):
            search(queries[begin : min(begin + size, count)])
        rates.append(count / (time.perf_counter() - begun))
    return {
        "build": seconds,
        "p50": float(np.percentile(times, 50)),
        "p99": float(np.percentile(times, 99)),
        "recall1": float(np.mean([rows[0] == expected[0] for rows, expected in pairs])),
        "recall10": float(np.mean([len(set(rows) & set(expected)) / TOP for rows, expected in pairs])),
        "rates": rates,
        "bytes": memory() - before,
    }


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    if command == "make":
        make(Path(folder), int(rest[0]), int(rest[1]))
    else:
        print(json.dumps(measure(Path(folder), rest[0], int(rest[1]), [int(size) for size in rest[2].split(",")])))
