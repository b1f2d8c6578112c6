"""DeepStack's form fields and JSON, as the routes read and write them and OpenAPI shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas import REQUEST_ID_EXAMPLE
from gateway.detection.prediction import Prediction

FIELD = "image"
_EDGES = ("x_min", "y_min", "x_max", "y_max")


class DeepStackOptions(BaseModel):
    """The form fields besides the image that have a meaning here."""

    #: The default of DeepStack and CodeProject.AI; Frigate, for one, sends no value.
    min_confidence: float = Field(0.4, ge=0, le=1, allow_inf_nan=False, description="Least confidence of a prediction")


def deepstack_json(prediction: Prediction, most: int, request_id: str, total_ms: float) -> dict[str, Any]:
    """Build a :class:`DeepStackResponse` of the ``most`` first detections.

    ``total_ms`` is all of the gateway's time in milliseconds.
    """
    detections = prediction.detections[:most]
    labels = list(dict.fromkeys(found.class_name for found in detections))
    return {
        "success": True,
        "predictions": [
            {
                "confidence": found.confidence,
                "label": found.class_name,
                # Whole pixels, truncated as DeepStack does.
                **dict(zip(_EDGES, map(int, found.bbox), strict=True)),
            }
            for found in detections
        ],
        "count": len(detections),
        "message": f"Found {', '.join(labels)}" if labels else "No objects found",
        "inferenceMs": round(prediction.timings_ms.get("infer", 0)),
        "processMs": round(prediction.timings_ms.get("total", 0)),
        "analysisRoundTripMs": round(total_ms),
        "code": 200,
        "request_id": request_id,
    }


class DeepStackErrorResponse(BaseModel):
    """DeepStack's error body, with additional fields of the gateway."""

    success: Literal[False]
    error: str = Field(description="What is wrong and how to fix it")
    code: str
    request_id: str | None


class DeepStackPrediction(BaseModel):
    """One object; the box in whole pixels of the upright image."""

    confidence: float = Field(ge=0, le=1, examples=[0.89])
    label: str = Field(examples=["person"])
    x_min: int = Field(examples=[245])
    y_min: int = Field(examples=[184])
    x_max: int = Field(examples=[456])
    y_max: int = Field(examples=[298])


class DeepStackResponse(BaseModel):
    """DeepStack's answer, highest confidence first, and CodeProject.AI's additional fields."""

    success: Literal[True]
    predictions: list[DeepStackPrediction]
    count: int = Field(examples=[1])
    message: str = Field(examples=["Found person"])
    inference_ms: int = Field(alias="inferenceMs", description="The network alone, in milliseconds", examples=[59])
    process_ms: int = Field(alias="processMs", description="The model server, in milliseconds", examples=[65])
    analysis_round_trip_ms: int = Field(
        alias="analysisRoundTripMs", description="The gateway, in milliseconds", examples=[69]
    )
    code: Literal[200]
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class DeepStackListResponse(BaseModel):
    """The names of the custom models."""

    success: Literal[True] = True
    models: list[str] = Field(examples=[["yolo"]])
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])
