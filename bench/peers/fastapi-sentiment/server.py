"""A sentiment service as people run it: FastAPI, a transformers pipeline, fastapi-cache2 with Redis.

    python server.py --checkpoint DIR --redis URL --port N [--workers N] [--threads N] [--as-published]

POST /project/predict (and /project/bulk-predict) {"text": [...]}, GET /project/health; PyTorch's threads are left
as they are unless told, and the pipeline runs one text after another, since nobody sets its batch size.

What is commonly published does not do what it was written for, and so two things are done otherwise here unless
--as-published asks for them:

- `@cache` around an endpoint never caches a POST: fastapi-cache2 0.2.2 calls the endpoint at once for any method
  but GET. Here it is around the function below the endpoint, whose key is the list of texts.
- A pipeline that is called in an `async def` stops the event loop: health checks and answers from the cache wait
  for it. Here it has a thread of its own; one, because its tokenizer must not be used by two at once.

Two copies of a list that are asked for at the same time are computed twice, as in the published ones. FastAPI
refuses bodies without a content type since 0.132 unless told otherwise, and the usual load script sends none.
"""

import argparse
import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import torch
import uvicorn
from fastapi import FastAPI, Response
from fastapi_cache import FastAPICache
from fastapi_cache.backends.redis import RedisBackend
from fastapi_cache.decorator import cache
from pydantic import BaseModel
from redis import asyncio as redis
from transformers import pipeline
from transformers.utils import logging

PREFIX = "/project"
MAX_TOKENS = 512


class Request(BaseModel):
    text: list[str]


class Sentiment(BaseModel):
    label: str
    score: float


class Answer(BaseModel):
    predictions: list[list[Sentiment]]


def routes(app: FastAPI, expire: int) -> None:
    """The endpoints with their cache as it has to be used."""
    worker = ThreadPoolExecutor(1)

    @cache(expire=expire)
    async def classify(texts: list[str], response: Response) -> list[list[dict]]:
        # `response` is no part of the key: it is where fastapi-cache2 says whether it had the answer.
        return await asyncio.get_running_loop().run_in_executor(worker, infer, app, texts)

    @app.post("/predict")
    @app.post("/bulk-predict")
    async def predict(request: Request, response: Response) -> Answer:
        return Answer(predictions=await classify(texts=request.text, response=response))


def published_routes(app: FastAPI, expire: int) -> None:
    """The endpoints as they are commonly written."""

    @app.post("/predict")
    @app.post("/bulk-predict")
    @cache(expire=expire)
    async def predict(request: Request) -> Answer:
        return Answer(predictions=infer(app, request.text))


def infer(app: FastAPI, texts: list[str]) -> list[list[dict]]:
    return app.state.classifier(texts, truncation=True, max_length=MAX_TOKENS)


def create_app() -> FastAPI:
    """Made anew in every worker process, by what `main` left in the environment."""
    logging.set_verbosity_error()
    if threads := int(os.environ["SENTIMENT_THREADS"]):
        torch.set_num_threads(threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI):
        # The library's header says HIT or MISS; this is the name that the load script counts.
        client = redis.from_url(os.environ["SENTIMENT_REDIS"], encoding="utf8", decode_responses=False)
        FastAPICache.init(RedisBackend(client), prefix="fastapi-cache-project", cache_status_header="X-Cache")
        yield
        await client.close()

    service = FastAPI(strict_content_type=False)
    service.state.classifier = pipeline(
        "text-classification",
        model=os.environ["SENTIMENT_CHECKPOINT"],
        device="cpu",
        dtype=torch.float32,
        top_k=None,
    )
    add = published_routes if os.environ["SENTIMENT_PUBLISHED"] == "yes" else routes
    add(service, int(os.environ["SENTIMENT_EXPIRE"]))

    @service.get("/health")
    async def health() -> dict:
        return {"status": "healthy"}

    # Of the outer application: a mounted one's is never run.
    app = FastAPI(lifespan=lifespan)
    app.mount(PREFIX, service)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch; 0: as it comes, one per core")
    parser.add_argument("--expire", type=int, default=60, help="seconds that an answer is kept")
    parser.add_argument("--as-published", action="store_true")
    options = parser.parse_args()
    os.environ.update(
        SENTIMENT_CHECKPOINT=options.checkpoint,
        SENTIMENT_REDIS=options.redis,
        SENTIMENT_THREADS=str(options.threads),
        SENTIMENT_EXPIRE=str(options.expire),
        SENTIMENT_PUBLISHED="yes" if options.as_published else "no",
    )
    uvicorn.run(
        "server:create_app",
        factory=True,
        app_dir=os.path.dirname(os.path.abspath(__file__)),
        host="127.0.0.1",
        port=options.port,
        workers=options.workers,
        access_log=False,
        log_level="warning",
        # A worker that does not answer for 5 s is replaced, and importing PyTorch takes longer.
        timeout_worker_healthcheck=120,
    )


if __name__ == "__main__":
    main()
