"""Question retrieval as people build it: FastAPI, sentence-transformers, a FAISS index with inverted lists.

    python server.py --encoder DIR --corpus FILE --port N

POST /process {"instances": ["…"]} gives {"match": "…"}, of several {"matches": [...]}; GET /readyz. The corpus is a file of
JSON lines with `text`. The endpoint is a plain function, so FastAPI runs it in its pool of threads; PyTorch and FAISS have
as many threads as they take. The index has four times the square root of the corpus as lists, and looks into sixteen.
"""

import argparse
import json
import math
from pathlib import Path

import faiss
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

PROBES = 16


class Request(BaseModel):
    instances: list[str]


def create_app(encoder: str, corpus: Path) -> FastAPI:
    model = SentenceTransformer(encoder, device="cpu")
    texts = [json.loads(line)["text"] for line in corpus.read_text(encoding="utf-8").split("\n") if line]
    vectors = model.encode(texts, normalize_embeddings=True)
    dimensions = vectors.shape[1]
    # FAISS wants 39 vectors for each list.
    lists = max(1, min(int(4 * math.sqrt(len(texts))), len(texts) // 39))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimensions), dimensions, lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.nprobe = PROBES
    app = FastAPI()

    @app.post("/process")
    def process(request: Request) -> dict:
        _, rows = index.search(model.encode(request.instances, normalize_embeddings=True), 1)
        matches = [texts[row] for [row] in rows]
        return {"match": matches[0]} if len(matches) == 1 else {"matches": matches}

    @app.get("/readyz")
    def ready() -> dict:
        return {"status": "ready"}

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    app = create_app(options.encoder, options.corpus)
    uvicorn.run(app, host="127.0.0.1", port=options.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
