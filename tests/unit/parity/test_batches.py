"""A picture's answer does not depend on what it is batched with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.unit.parity.conftest import Served
from tests.unit.parity.families import DETECT, SEGMENT
from tests.unit.parity.pictures import FEW, png
from yolo.errors import InvalidImage


def test_every_picture_of_a_batch_gets_what_it_gets_alone(family: Callable[..., Served], assets: list[Path]) -> None:
    for member in (DETECT[1], SEGMENT[0]):
        served = family(member)
        pictures = [*(asset.read_bytes() for asset in assets), *(png(picture) for picture in FEW)]
        fields = [{"conf": "0.1"}, {"conf": "0.2", "imgsz": "256"}, {"conf": "0.1", "classes": "1,2,3"}]
        items = [(data, fields[index % 3]) for index, data in enumerate(pictures)]
        together = served.run(items)
        alone = [served.run([item])[0] for item in items]
        assert [outcome.answer for outcome in together] == [outcome.answer for outcome in alone]
        assert sum(len(outcome.answer["boxes"]) for outcome in alone if outcome.answer) > 20


def test_what_is_wrong_with_one_picture_stays_its_own(family: Callable[..., Served], street: Path) -> None:
    served = family(DETECT[1])
    good, bad, again = served.run([(street.read_bytes(), {}), (b"no picture", {}), (street.read_bytes(), {})])
    assert isinstance(bad.error, InvalidImage)
    assert good.error is None
    assert good.answer == again.answer


def test_an_empty_batch_is_answered_with_nothing(family: Callable[..., Served]) -> None:
    assert family(DETECT[1]).run([]) == []
