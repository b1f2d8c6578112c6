"""The parameters of one prediction: read from query, form and JSON, validated once, sent on only where given."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import chain
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.detection.classes import read_entries, write_entries
from gateway.errors import InvalidParameter, printable

#: Pairs of a query or a form as they came, in order; a name may occur several times.
Pairs = Iterable[tuple[str, str]]
Fields = tuple[tuple[str, str], ...]


#: The options that are a list of classes.
CLASS_LISTS = ("classes", "then_classes")
#: How axios, jQuery, PHP and qs write the entries of a list.
_LIST = re.compile(r"classes\[[0-9]{0,4}\]")
#: How many unknown names an error repeats, and up to how many characters one is taken for a typing error.
_SHOWN_NAMES, _LONGEST_TYPO = 8, 32
#: Likeness, 0 to 1, from which a name is a known one with a letter wrong, rather than one with something after it.
_MISSPELT = 0.85
#: Characters of everything that is given as classes, repetitions included.
_LONGEST_LIST = 16_384


def _classes(value: str) -> str:
    return write_entries(read_entries(value))


#: A list of classes as a client writes it, in the form that the model server reads.
ClassList = Annotated[str, AfterValidator(_classes)]


class Parameters(BaseModel):
    """The parameters of one prediction. For None, the default of the model applies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conf: float | None = Field(
        default=None, ge=0, le=1, allow_inf_nan=False, description="Least confidence of a detection", examples=[0.25]
    )
    iou: float | None = Field(
        default=None, ge=0, le=1, allow_inf_nan=False, description="Overlap above which NMS drops a box", examples=[0.7]
    )
    max_det: int | None = Field(default=None, ge=1, le=3000, description="Most detections to return", examples=[300])
    classes: ClassList | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="Only these classes: ids or names, separated by commas",
        examples=["person,bus"],
    )
    agnostic_nms: bool | None = Field(default=None, description="Let boxes of different classes suppress each other")
    imgsz: int | None = Field(
        default=None,
        ge=32,
        le=2048,
        description="Longest side the model sees, in pixels; rounded up to its stride",
        examples=[640],
    )
    multi_label: bool | None = Field(
        default=None, description="Return a box once for each class above conf, not for the best one only"
    )

    def as_query(self) -> dict[str, str]:
        """Return what was given as strings for a URL: ``{"conf": "0.5", "agnostic_nms": "true"}``."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in self.given().items()
        }

    def given(self) -> dict[str, Any]:
        """Return the parameters that are not None, without the options that a subclass adds."""
        return {name: value for name in _NAMES if (value := getattr(self, name)) is not None}


#: The options of one route: the parameters, and others of its own.
Options = TypeVar("Options", bound=BaseModel)


def read_options(kind: type[Options], *sources: Pairs) -> Options:
    """Merge and validate options from the query, the form and so on. An empty value counts as absent.

    A list may be written as ``classes=0,5``, ``classes=0&classes=5``, ``classes[]=0&classes[]=5`` or
    ``classes[0]=0&classes[1]=5``.
    Raises :class:`~gateway.errors.InvalidParameter` for an unknown name (a misspelt one would otherwise silently mean
    the default), an option that is given twice with different values, and a value out of bounds, in this order.
    """
    names = _names(kind)
    given: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    unknown: dict[str, None] = {}
    twice: tuple[str, str, str] | None = None
    for written, value in chain.from_iterable(sources):
        name = _LIST.sub("classes", written) if "[" in written else written
        if name not in names:
            unknown[name] = None
        elif not value or value.isspace():
            continue  # an input of a page that was left empty
        elif name in CLASS_LISTS:
            lists.setdefault(name, []).append(value)
        elif given.setdefault(name, value) != value and twice is None:
            twice = name, given[name], value
    if unknown:
        raise InvalidParameter("; ".join(_refuse_names(list(unknown), names)))
    if twice is not None:
        name, first, second = map(printable, twice)
        raise InvalidParameter(f"{name}: given twice, as {first} and {second}. Send it once.")
    for name, entries in lists.items():
        given[name] = _one_list(name, entries)
    if not given:
        default: Options = _defaults(kind)
        return default
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise InvalidParameter("; ".join(map(_explain, error.errors()))) from error


def _one_list(name: str, classes: list[str]) -> str:
    """Return what was given once as it is, and what was given several times as one list."""
    if sum(map(len, classes)) > _LONGEST_LIST:  # before it is read; the list itself may be shorter
        raise InvalidParameter(f"'{name}': should have at most 2000 characters")
    if len(set(classes)) == 1:
        return classes[0]
    try:
        return write_entries(entry for value in classes for entry in read_entries(value))
    except ValueError as error:
        raise InvalidParameter(f"'{name}': {error} (given: {printable(', '.join(classes))})") from error


def json_fields(given: Mapping[str, object]) -> Fields:
    """Convert JSON values to those of a form: 0.5 to "0.5", true to "true", each entry of a list to a field; omit null.

    Raises :class:`~gateway.errors.InvalidParameter` for a value that a form cannot represent.
    """
    return tuple((name, text) for name, value in given.items() if value is not None for text in _texts(name, value))


def _texts(name: str, value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case bool():
            return [str(value).lower()]
        case int() | float():
            return [str(value)]
        case list() if value and all(isinstance(part, str | int) and not isinstance(part, bool) for part in value):
            return list(map(str, value))
    raise InvalidParameter(
        f"{printable(name)}: a number, text, true, false, or a list of numbers and texts is expected"
    )


def _explain(problem: Any) -> str:
    name = printable(str(problem["loc"][0])) if problem["loc"] else "parameters"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]} (given: {printable(str(problem['input']))})"


def _refuse_names(unknown: list[str], names: Sequence[str]) -> Iterator[str]:
    for name in unknown[:_SHOWN_NAMES]:
        plain = name[:_LONGEST_TYPO].lower()
        likely = (
            get_close_matches(plain, names, 1, _MISSPELT)
            or [known for known in names if plain.startswith(known)]
            or get_close_matches(plain, names, 1)
        )
        hint = f" (did you mean {likely[0]}?)" if likely else ""
        yield f"{printable(name)}: not a parameter{hint}"
    if len(unknown) > _SHOWN_NAMES:
        yield f"and {len(unknown) - _SHOWN_NAMES} more"
    yield f"known are {', '.join(names)}"


@cache
def _names(kind: type[BaseModel]) -> tuple[str, ...]:
    return tuple(str(field.validation_alias or name) for name, field in kind.model_fields.items())


@cache
def _defaults(kind: type[Options]) -> Options:
    return kind()


_NAMES = tuple(Parameters.model_fields)
NO_PARAMETERS = Parameters()
