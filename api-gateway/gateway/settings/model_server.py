"""The settings of the connection to the model server."""

import os
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from gateway.settings.fields import parsed_by
from gateway.settings.limits import Seconds
from gateway.settings.server_list import parse_servers
from gateway.settings.urls import base_url, base_urls


def _readable_file(text: str) -> str:
    if text and not os.access(text, os.R_OK):
        raise ValueError("there is no such file, or it cannot be read")
    return text


#: An ``http(s)://host:port[/prefix]`` address, kept as text without a trailing slash.
BaseUrl = Annotated[str, AfterValidator(base_url)]
#: Some of them, comma-separated.
BaseUrls = Annotated[str, AfterValidator(base_urls)]
ServerList = Annotated[str, parsed_by(parse_servers)]


class BackendSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    backend: str = Field(
        default="torchserve",
        description="Kind of model server behind the gateway: `torchserve`, or `oip` for any server of the Open "
        "Inference Protocol, such as Triton, OpenVINO Model Server, KServe or MLServer.",
    )
    model_name: str = Field(
        default="yolo",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of the model on that server.",
    )
    torchserve_servers: ServerList = Field(
        default="",
        max_length=8192,
        description="Additional TorchServes that `routing.json` may name, besides green, which is always known: "
        "`name=inference_url|management_url`, comma-separated.",
    )
    oip_url: BaseUrl = Field(
        default="http://127.0.0.1:8080",
        description="With `BACKEND=oip`: address of the Open Inference Protocol server.",
    )
    oip_token_file: Annotated[str, AfterValidator(_readable_file)] = Field(
        default="",
        description="With `BACKEND=oip`: file with the server's token, sent as `Authorization: Bearer`. In Compose, "
        "mount it and give its path in the container. Empty: no token.",
    )
    oip_encoding: Literal["auto", "binary", "json"] = Field(
        default="auto",
        description="With `BACKEND=oip`: encoding of images. `json`: base64. `auto`: binary if the server supports it.",
    )
    oip_class_names: str = Field(
        default="",
        max_length=100_000,
        description="With `BACKEND=oip`: names of the classes from 0 on, comma-separated, if the server returns class "
        "numbers only.",
    )
    # Above 1 s, after which TCP repeats a lost SYN; below it a busy machine also looked like an absent server.
    connect_timeout_s: Seconds = Field(default=3, description="Seconds to connect to the model server.")
    read_timeout_s: Seconds = Field(default=60, description="Seconds to wait for the model server's answer.")
    write_timeout_s: Seconds = Field(default=30, description="Seconds to send an image to the model server.")
    pool_timeout_s: Seconds = Field(
        default=5, description="Seconds to wait for a free connection to the model server. Longer: 503."
    )
    max_connections: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Maximum number of connections to the model server, and so of requests in it.",
    )
    ready_grace_s: float = Field(
        default=5,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds without a ready model server, after which images are rejected at once with 503.",
    )
