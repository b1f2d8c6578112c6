"""Which weights in `models/weights` are of which model: NAME.pt is model NAME, and best.pt is `yolo`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from model_names import DEFAULT, fault

SUFFIX = ".pt"
#: The weights of `yolo`: its first name, and the one that follows the rule.
BEST, NAMED = f"best{SUFFIX}", f"{DEFAULT}{SUFFIX}"


@dataclass(frozen=True)
class Weights:
    """The weights by model, in the order of the names, and why each other file is not used, as a sentence."""

    files: dict[str, Path]
    faults: list[str]


def find(folder: Path, known: Collection[str] = ()) -> Weights:
    """Return the weights in a folder. `known`: the models that are in the model store already. Raises OSError."""
    found = [path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")]
    whole = [path for path in found if path.is_file()]
    faults = [f"{path.name} is not a file, and is not used" for path in sorted(set(found) - set(whole))]
    names, more = assign((path.name for path in whole), known)
    return Weights({model: folder / name for model, name in names.items()}, faults + more)


def default_weights(folder: Path) -> Path:
    """Return the weights of `yolo`: best.pt, or yolo.pt where that alone is there."""
    return folder / (NAMED if (folder / NAMED).is_file() and not (folder / BEST).exists() else BEST)


def assign(files: Iterable[str], known: Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """Return the file of each model, and why each other file is not used.

    On a disk or in a store that ignores case, names that differ only in case are one. So a known model keeps its
    name, else the first in the order of characters has it.
    """
    present = set(files)
    taken = {name.casefold(): name for name in (DEFAULT, *known)}
    names, faults = {}, []
    if BEST in present:
        names[DEFAULT] = BEST
        if NAMED in present:
            faults.append(
                f"{NAMED} is not used: {BEST} holds the weights of {DEFAULT} too. Keep one, or give the other model a "
                f"name of its own, e.g. my-{NAMED}"
            )
    elif NAMED in present:
        names[DEFAULT] = NAMED
    others = present - {BEST, NAMED}
    for file in sorted(others, key=lambda file: (file.removesuffix(SUFFIX) not in known, file)):
        name = file.removesuffix(SUFFIX)
        owner = taken.setdefault(name.casefold(), name)
        if why := fault(name):
            faults.append(f"{file} is not used: {why}. Then: mv {file} NAME{SUFFIX}")
        elif owner != name:
            faults.append(
                f"{file} is not used: its name differs only in case from that of the model {owner}. Rename one of them"
            )
        else:
            names[name] = file
    return dict(sorted(names.items())), faults
