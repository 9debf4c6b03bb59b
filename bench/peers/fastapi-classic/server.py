"""A scikit-learn text classifier as people publish it: FastAPI, one ONNX Runtime session, a sync endpoint.

    python server.py --model FILE --port N

POST /prediction {"text": "…"} gives {"label": "…"}; GET /readyz. Whatever one leaves alone is left alone: FastAPI runs
the endpoint in its pool of threads, and ONNX Runtime has as many threads as there are cores.

The graph makes texts lower case, for which ONNX Runtime asks the machine for the locale en_US.UTF-8. Images of Python have
none, so that the session does not start there; `LOCPATH` may name a folder that has it.
"""

import argparse

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    text: str


class Prediction(BaseModel):
    label: str


def create_app(model: str) -> FastAPI:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    [texts] = session.get_inputs()
    # Converters write the labels first; the scores that follow are not asked for.
    labels = session.get_outputs()[0].name
    shape = [1] * len(texts.shape)
    app = FastAPI()

    @app.post("/prediction")
    def predict(request: Request) -> Prediction:
        rows = np.array([request.text], dtype=object).reshape(shape)
        [[label]] = session.run([labels], {texts.name: rows})
        return Prediction(label=label)

    @app.get("/readyz")
    def ready() -> dict:
        return {"status": "ready"}

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    app = create_app(options.model)
    # Nobody reads the line of each request here, and Chorus writes none.
    uvicorn.run(app, host="127.0.0.1", port=options.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
