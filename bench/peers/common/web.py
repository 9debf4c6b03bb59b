"""`POST /process` and `GET /readyz` by FastAPI, uvicorn, uvloop, httptools and orjson: as fast as Python serves."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

Answer = Callable[[str], Awaitable[dict]]


def serve(start: Callable[[], AbstractAsyncContextManager[Answer]], port: int) -> None:
    """Serves until SIGTERM; `start` loads the models and gives the function that answers a text."""

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        async with start() as answer:
            app.state.answer = answer
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/process")
    async def process(request: Request) -> Response:
        try:
            text = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            text = None
        if not isinstance(text, str):
            return Response(b'{"detail":"the body must be a JSON string"}', 400, media_type="application/json")
        return Response(orjson.dumps(await request.app.state.answer(text)), media_type="application/json")

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response(b"ok")

    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
