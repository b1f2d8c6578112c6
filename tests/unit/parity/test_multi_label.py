"""Several classes of a box, as Ultralytics' validators count them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ultralytics.utils.nms import non_max_suppression

from tests.unit.yolo.samples import metadata
from yolo import parameters, results


@pytest.mark.parametrize("agnostic", ["false", "true"])
def test_a_box_has_the_classes_that_a_validator_gives_it(agnostic: str) -> None:
    random = np.random.default_rng(0)
    places = random.uniform(40, 600, (2, 200)).repeat(3, axis=1) + random.normal(0, 3, (2, 600))
    output = np.concatenate((places, random.uniform(20, 80, (2, 600)), random.uniform(0, 1, (3, 600)) ** 4))
    output = output.astype(np.float32)
    fields = {"conf": "0.1", "iou": "0.5", "max_det": "150", "agnostic_nms": agnostic, "multi_label": "true"}
    rows = results.select(output, parameters.parse(fields, metadata()), metadata())
    theirs = non_max_suppression(
        torch.from_numpy(output)[None], 0.1, 0.5, agnostic=agnostic == "true", multi_label=True, max_det=150
    )[0].numpy()
    assert len(rows) == 150 if agnostic == "false" else len(rows) > 50
    assert len({tuple(row[:4]) for row in rows}) < len(rows) or agnostic == "true"
    np.testing.assert_allclose(rows, theirs, atol=1e-4)
