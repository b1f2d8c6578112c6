"""What a list of classes means, in every door: the gateway's and the model server's tests hold both to this table."""

from __future__ import annotations

NAMES = {0: "A", 1: "person", 2: "5", 3: "light, red", 4: "person", 5: "a", 6: " Bus\r", 7: "red", 8: "1,2", 9: "Größe"}

#: The list as a client writes it, and the ids of the classes; none where a part of it names no class.
MEANT: list[tuple[str, set[int]]] = [
    ("A", {0}),
    ("a", {5}),
    ("person", {1, 4}),
    ("PERSON", {1, 4}),
    ("5", {5}),
    ("2", {2}),
    ("bus", {6}),
    ("light, red", {3}),
    ("Light,Red", {3}),
    ("red,A", {0, 7}),
    ('["light, red", "A", 5]', {0, 3, 5}),
    ('["red,A","bus"]', {0, 6, 7}),
    ("1,2", {1, 2}),
    ("005", {5}),
    ("GRÖSSE", {9}),
    ("[x", set()),
    ("10", set()),
]
