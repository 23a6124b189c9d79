"""The baseline: an encoder behind FastAPI and uvicorn, a text or picture at a time, no batches.

python -m infra.benchmarks.plain MODEL_FOLDER PORT THREADS
"""

import base64
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class Texts(BaseModel):
    """As the service takes them."""

    texts: list[str]


class Images(BaseModel):
    """As the service takes them."""

    images: list[str]


def plain_app(folder: Path, threads: int) -> FastAPI:
    """An application that does the same work for one request at a time.

    Args:
        folder: of a saved space.
        threads: that the model may use.
    """
    import torch

    from training.space import Space

    torch.set_num_threads(threads)
    space = Space.load(folder)
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> None:
        pass

    @app.post("/v1/embeddings/texts")
    def texts(body: Texts) -> Any:
        return {"embeddings": space.encode_text(body.texts).tolist()}

    @app.post("/v1/embeddings/images")
    def images(body: Images) -> Any:
        raw = [base64.b64decode(image) for image in body.images]
        return {"embeddings": space.encode_image(raw).tolist()}

    return app


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(
        plain_app(Path(sys.argv[1]), int(sys.argv[3])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="warning",
    )
