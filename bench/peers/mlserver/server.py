"""The peer: MLServer with a runtime of its own kind and adaptive batching, behind a custom handler.

    python server.py --checkpoints DIR --port N [--max-batch 32] [--window-ms 10]

The handler makes an inference request of the text, which MLServer's batcher merges with others that came
within the window; `predict` then runs the five models of the batch one after another. PYTHONPATH has ../common.
"""

import argparse
import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
from fastapi import Body
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import StringCodec
from mlserver.context import model_context
from mlserver.handlers import custom_handler
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from torch_classifiers import TorchClassifiers


class Classify(MLModel):
    async def load(self) -> bool:
        self.worker = ThreadPoolExecutor(1)
        self.classifiers = TorchClassifiers(Path(self.settings.parameters.uri))
        return True

    @custom_handler(rest_path="/process")
    async def process(self, text: str = Body()) -> dict:
        # Batches are formed along the first dimension.
        request = InferenceRequest(inputs=[StringCodec.encode_input("texts", [text], use_bytes=False)])
        # The batcher's own metrics belong to a model; MLServer sets it for its own routes only.
        with model_context(self.settings):
            response = await self.predict(request)
        return orjson.loads(StringCodec.decode_output(response.outputs[0])[0])

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        answers = await asyncio.get_running_loop().run_in_executor(self.worker, self.classifiers.answer, texts)
        outputs = [StringCodec.encode_output("answers", [orjson.dumps(answer).decode() for answer in answers])]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--window-ms", type=float, default=10)
    options = parser.parse_args()
    model = ModelSettings(
        name="classify",
        implementation=Classify,
        max_batch_size=options.max_batch,
        max_batch_time=options.window_ms / 1000,
        parameters=ModelParameters(uri=str(options.checkpoints)),
    )
    # No workers of its own: PyTorch uses every core, and a second process would hold the models again.
    settings = Settings(
        host="127.0.0.1",
        http_port=options.port,
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
        access_log=False,
    )

    async def serve() -> None:
        await MLServer(settings).start([model])

    asyncio.run(serve())


if __name__ == "__main__":
    main()
