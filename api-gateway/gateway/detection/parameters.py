"""The parameters of one prediction: read from query, form and JSON, validated once, sent on only where given."""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.detection.classes import read_entries, write_entries
from gateway.errors import InvalidParameter, printable

#: Pairs of a query or a form as they came, in order; a name may occur several times.
Pairs = Iterable[tuple[str, str]]
Fields = tuple[tuple[str, str], ...]


def _classes(value: str) -> str:
    return write_entries(read_entries(value))


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
    classes: Annotated[str, AfterValidator(_classes)] | None = Field(
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
    """Merge and validate options from the query, the form and so on.

    Raises :class:`~gateway.errors.InvalidParameter` for a value out of bounds, an unknown name (a misspelt one would
    otherwise silently mean the default), and an option that is given twice with different values.
    """
    given: dict[str, str] = {}
    classes: list[str] = []
    for name, value in chain.from_iterable(sources):
        if name == "classes":
            classes.append(value)  # many clients write a list as classes=0&classes=5
        elif given.setdefault(name, value) != value:
            raise InvalidParameter(
                f"{printable(name)}: given twice, as {printable(given[name])} and {printable(value)}. Send it once."
            )
    if classes:
        given["classes"] = _one_list(classes)
    if not given:
        default: Options = _defaults(kind)
        return default
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise InvalidParameter("; ".join(_explain(problem, kind) for problem in error.errors())) from error


def _one_list(classes: list[str]) -> str:
    """Return what was given once as it is, and what was given several times as one list."""
    if len(set(classes)) == 1:
        return classes[0]
    try:
        return write_entries(entry for value in classes for entry in read_entries(value))
    except ValueError as error:
        raise InvalidParameter(f"'classes': {error} (given: {printable(', '.join(classes))})") from error


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


def _explain(problem: Any, kind: type[BaseModel]) -> str:
    name = printable(str(problem["loc"][0])) if problem["loc"] else "parameters"
    if problem["type"] == "extra_forbidden":
        return f"{name}: not a parameter; known are {', '.join(kind.model_fields)}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]} (given: {printable(str(problem['input']))})"


@cache
def _defaults(kind: type[Options]) -> Options:
    return kind()


_NAMES = tuple(Parameters.model_fields)
NO_PARAMETERS = Parameters()
