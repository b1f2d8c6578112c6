"""Helpers that several rings share."""

from __future__ import annotations

from tests.support.bad_inputs import BAD_INPUTS, BadInput
from tests.support.handlers import NAMING_HANDLER
from tests.support.load import Answer, clients
from tests.support.pictures import huge_png, jpeg, png
from tests.support.ports import free_ports
from tests.support.rings import cannot_run
from tests.support.street import STREET_COCO, assert_street_coco
from tests.support.tree import ROOT, SHARED, copy_tree
from tests.support.waiting import Clock, wait_until

__all__ = [
    "BAD_INPUTS",
    "NAMING_HANDLER",
    "ROOT",
    "SHARED",
    "STREET_COCO",
    "Answer",
    "BadInput",
    "Clock",
    "assert_street_coco",
    "cannot_run",
    "clients",
    "copy_tree",
    "free_ports",
    "huge_png",
    "jpeg",
    "png",
    "wait_until",
]
