"""The options of the second stage, on every route that has one."""

from pydantic import Field
from starlette.requests import Request

from gateway.api.model_choice import usable_model
from gateway.api.services import Services
from gateway.api.versioning import VersionedOptions
from gateway.detection.parameters import ClassList
from gateway.errors import InvalidParameter
from gateway.second_stage.wish import DEFAULT_MARGIN, DEFAULT_MOST, MOST, Wish


class ThenOptions(VersionedOptions):
    """The options of a detection, and which model then gets what was found."""

    then: str | None = Field(
        default=None,
        max_length=63,
        description="Name of a second model. What was found is cut out of the image and given to it; its answer is "
        "under `then` of each detection, in pixels of the whole image",
        examples=["plates"],
    )
    then_classes: ClassList | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="With `then`: only detections of these classes, ids or names as in `classes`",
        examples=["car,truck"],
    )
    then_margin: float = Field(
        default=DEFAULT_MARGIN,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="With `then`: added on each side of a box, as a share of its longer side",
    )
    then_conf: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="With `then`: least confidence of the second model's detections",
        examples=[0.25],
    )
    then_max: int = Field(
        default=DEFAULT_MOST,
        ge=1,
        le=MOST,
        description="With `then`: most detections of an image that the second model gets, highest confidence first",
    )

    def wish(self) -> Wish | None:
        """Return what is asked of the second stage, or None.

        Raises :class:`~gateway.errors.InvalidParameter` for an option of it without ``then``.
        """
        if self.then is None:
            without = [name for name in ThenOptions.model_fields if name.startswith("then_") and self._is_given(name)]
            if without:
                raise InvalidParameter(f"'{without[0]}': has no effect without 'then', the name of the second model.")
            return None
        return Wish(self.then, self.then_classes, self.then_margin, self.then_conf, self.then_max)

    def _is_given(self, name: str) -> bool:
        return name in self.model_fields_set


async def second_stage(request: Request, services: Services, options: ThenOptions) -> Wish | None:
    """Return what is asked of the second stage, of a model that the request may use, or None.

    Raises as :meth:`ThenOptions.wish` and :func:`~gateway.api.model_choice.usable_model` do.
    """
    wish = options.wish()
    if wish is not None:
        await usable_model(request, services, wish.model)
    return wish
