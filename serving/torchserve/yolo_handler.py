"""TorchServe's custom handler: it translates requests and answers, the package `yolo` next to it does the work."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from yolo import defaults, engines, logs, metadata, parameters, requests, settings
from yolo.errors import RequestError
from yolo.pipeline import Outcome, Pipeline, Request
from yolo.stage_metrics import StageMetrics
from yolo.tracing import stages


class YoloHandler:
    """The archive's handler: `initialize` once per worker, `handle` once per batch."""

    def initialize(self, context: Any) -> None:
        """Load the archive's model and warm it up, so that READY is true. Raises ArchiveError."""
        properties = context.system_properties
        folder = Path(properties["model_dir"])
        self.name = getattr(context, "model_name", None) or "yolo"
        given = defaults.read(os.environ, self.name)
        configured = defaults.in_settings(settings.read(os.environ), given)
        self.log = logs.configure(configured.log_level)
        self.model = defaults.in_metadata(metadata.read(folder), given)
        engine = engines.load(folder, self.model, configured, properties.get("gpu_id"))
        self.pipeline = Pipeline(
            engine, self.model, configured.max_image_pixels, configured.fast_decode, configured.max_decode_bytes
        )
        self.stages = StageMetrics(getattr(context, "metrics", None), self.name, self.model.version)
        self.plan = configured.plan
        engines.use_threads(configured.plan.threads)
        self.pipeline.warm_up(parameters.parse({}, self.model), int(properties.get("batch_size") or 1))
        described = {key: value for key, value in self.describe().items() if key != "names"}
        logs.write(self.log, {"event": "ready", "model": self.name, **described})

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[Any]:
        """Answer a batch: one JSON body per item, each with its own status."""
        if context.get_request_header(0, "describe") == "True":
            return [self.describe() for _ in data]
        began = time.perf_counter()
        read = [self._read(item) for item in data]
        answered = iter(self.pipeline.run([item for item in read if isinstance(item, Request)]))
        outcomes = [next(answered) if isinstance(item, Request) else Outcome(error=item) for item in read]
        return [self._respond(index, outcome, len(data), context, began) for index, outcome in enumerate(outcomes)]

    def describe(self) -> dict[str, Any]:
        """Return the model's part of TorchServe's description with `?customized=true`."""
        engine, model = self.pipeline.engine, self.model
        return {
            "version": model.version,
            "task": model.task,
            "names": {str(index): name for index, name in model.names.items()},
            "imgsz": list(model.imgsz),
            "thresholds": dataclasses.asdict(model.thresholds),
            "stride": model.stride,
            "head": model.head,
            "end2end": model.end2end,
            "engine": engine.name,
            "device": engine.device,
            "precision": engine.precision,
            "cpus": self.plan.cpus,
            "workers": self.plan.workers,
            "threads": engine.threads,
        }

    def _read(self, item: Mapping[str, Any]) -> Request | Exception:
        try:
            return Request(requests.image(item), parameters.parse(item, self.model))
        except Exception as error:  # fails this item, not the batch
            return error

    def _respond(self, index: int, outcome: Outcome, batch: int, context: Any, began: float) -> bytes:
        status, body = self._body(outcome)
        context.set_response_content_type(index, "application/json")
        context.set_response_status(code=status, phrase=HTTPStatus(status).phrase, idx=index)
        self.stages.add(outcome.timings)
        trace = requests.trace(context, index)
        facts = {
            "trace_id": trace.trace_id if trace else None,
            "span_id": trace.span_id if trace else None,
            "model": self.name,
            "version": self.model.version,
        }
        if trace and trace.sampled:
            spent = {"handle": (began, time.perf_counter()), **outcome.stages}
            context.set_response_header(index, stages.HEADER, stages.header(spent))
        logs.outcome(self.log, requests.identifier(context, index), status, batch, outcome, facts)
        return body

    def _body(self, outcome: Outcome) -> tuple[int, bytes]:
        try:
            if outcome.error is None:
                return 200, _json(requests.answer(outcome, self.model, self.name))
            if isinstance(outcome.error, RequestError):
                return outcome.error.status, _json(outcome.error.body())
        except (
            Exception
        ) as error:  # such as the NaN of a damaged model, which JSON lacks: fails this item, not the batch
            outcome.error = error
        return 500, _json({"code": 500, "type": "InternalError", "message": "The image could not be processed"})


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
