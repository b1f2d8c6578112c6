"""FastAPI + `YOLO(best.pt).predict`: the server that most people write first.

As FastAPI's documentation recommends: the model is loaded in the lifespan, blocking work is done in a plain `def`
endpoint (which runs on the thread pool), and production runs `uvicorn --workers N`. Ultralytics' predictor has a lock
of its own, so one model per process is safe.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import predictor
from fastapi import FastAPI, Request, UploadFile


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request."""
    app.state.model = predictor.load()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
def predict(request: Request, file: UploadFile) -> list[dict]:
    """Return the boxes of one uploaded image."""
    return predictor.detect(request.app.state.model, predictor.decode(file.file.read()))
