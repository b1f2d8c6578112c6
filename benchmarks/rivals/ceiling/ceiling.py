"""The ceiling: the modules of this stack (decode, letterbox, OpenVINO, NMS) in one process, without a server.

`ceiling.py ARCHIVE_FOLDER < plan.json`, with serving/torchserve and common on PYTHONPATH. The plan has images and
seconds; the output has the form of a load generator's, plus boxes and memory. Several workers are threads here:
decoding and inference release the interpreter's lock.
"""

import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from yolo import engines, metadata, parameters, settings
from yolo.pipeline import Pipeline, Request


def build(folder: Path) -> tuple[list[Pipeline], parameters.Parameters]:
    """Return one pipeline per worker, warmed up, and the default parameters."""
    chosen = settings.read(os.environ)
    model = metadata.read(folder)
    wanted = parameters.parse({}, model)
    pipelines = []
    for _ in range(chosen.plan.workers):
        pipelines.append(Pipeline(engines.load(folder, model, chosen), model, chosen.max_image_pixels))
        pipelines[-1].warm_up(wanted)
    return pipelines, wanted


def main() -> None:
    """Read the plan, measure, write the measurements."""
    plan = json.load(sys.stdin)
    if plan.get("cpus"):
        os.sched_setaffinity(0, plan["cpus"])
    pipelines, wanted = build(Path(sys.argv[1]))
    requests = [Request(Path(picture).read_bytes(), wanted) for picture in plan["pictures"]]
    boxes = [outcome.answer["boxes"] for request in requests for outcome in pipelines[0].run([request])]
    turn = count()
    start = time.perf_counter()
    begin, stop = start + plan["warm_s"], start + plan["warm_s"] + plan["seconds"]

    def loop(pipeline: Pipeline) -> list[tuple[float, float]]:
        done = []
        while (asked := time.perf_counter()) < stop:
            outcome = pipeline.run([requests[next(turn) % len(requests)]])[0]
            json.dumps(outcome.answer)  # a server must encode the answer, too
            now = time.perf_counter()
            done.append((now, now - asked))
        return done

    with ThreadPoolExecutor(len(pipelines)) as pool:
        done = [one for part in pool.map(loop, pipelines) for one in part]
    inside = [(at, latency) for at, latency in done if begin < at <= stop]
    first = max((at for at, _ in done if at <= begin), default=begin)
    last = max((at for at, _ in inside), default=stop)
    json.dump(
        {
            "latencies_ms": [round(latency * 1000, 3) for _, latency in inside],
            "errors": {},
            "window_s": max(last - first, 1e-9),
            "answered": len(done),
            "boxes": boxes,
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            "engine": f"{pipelines[0].engine.name} {pipelines[0].engine.precision}",
            "shape": [len(pipelines), pipelines[0].engine.threads],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
