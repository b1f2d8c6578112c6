"""The classes that a request is restricted to: how clients write the list, and which detections it keeps.

A list is text: one entry, or several with commas between them (``person,bus``). Where an entry has a comma of its own,
the list is JSON (``["traffic light, red","bus"]``). An entry that is the name of a class in whole means that class; any
other is divided at its commas, and so are whole numbers, which are ids.

A part means, in this order: the class with this id, the classes with exactly this name, the classes with this name in
any case of letters. The worker does the same (``serving/torchserve/yolo/parameters.py``).
"""

import json
from collections.abc import Iterable, Sequence

#: The id of a class, and its name.
Class = tuple[int, str]


def read_entries(text: str) -> list[str]:
    """Return the entries of a list: those of a JSON list, else the one text. Raises ValueError for an empty entry."""
    entries = _json_list(text)
    found = [_spelled(entry) for entry in ([text] if entries is None else entries)]
    if not found or not all(all(entry.split(",")) for entry in found):
        raise ValueError("an empty entry; separate class ids or names with commas, as in 0,5 or person,bus")
    if not all(entry.isprintable() for entry in found):
        raise ValueError("control characters")
    return found


def write_entries(entries: Iterable[str]) -> str:
    """Return the list as the model server reads it: with commas between the entries if that is not ambiguous."""
    once = list(dict.fromkeys(entries))
    if len(once) == 1 or not any("," in entry or entry.startswith("[") for entry in once):
        return ",".join(once)
    return json.dumps(once, ensure_ascii=False, separators=(",", ":"))


def sorted_entries(text: str) -> list[str]:
    """Return the entries in an order that does not depend on how the client ordered them."""
    entries = read_entries(text)
    return sorted({part for entry in entries for part in (entry.split(",") if _is_ids(entry) else [entry])})


def matching(text: str, classes: Iterable[Class]) -> frozenset[Class]:
    """Return which of the classes, each an id and a name, a list means."""
    by_id: dict[str, set[Class]] = {}
    exact: dict[str, set[Class]] = {}
    folded: dict[str, set[Class]] = {}
    for one in classes:
        index, name = one[0], _spelled(one[1])
        by_id.setdefault(str(index), set()).add(one)
        exact.setdefault(name, set()).add(one)
        folded.setdefault(name.casefold(), set()).add(one)

    def of(part: str) -> set[Class]:
        if _is_ids(part) and (found := by_id.get(part.lstrip("0") or "0")):
            return found
        return exact.get(part) or folded.get(part.casefold()) or set()

    found: set[Class] = set()
    for entry in read_entries(text):
        whole = set() if _is_ids(entry) else of(entry)
        found |= whole or set().union(*map(of, entry.split(",")))
    return frozenset(found)


def _is_ids(entry: str) -> bool:
    return entry.isascii() and entry.replace(",", "").isdigit()


def _json_list(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        entries: Sequence[object] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_list = all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries)
    return [str(entry) for entry in entries] if is_list else None


def _spelled(name: str) -> str:
    """Return a name without blanks at its ends and around its commas."""
    return ",".join(part.strip() for part in name.split(","))
