"""The settings of the model server behind the gateway."""

import os
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from gateway.settings.fields import parsed_by
from gateway.settings.limits import Seconds
from gateway.settings.server_list import parse_servers
from gateway.settings.urls import base_url


def _readable_file(text: str) -> str:
    if text and not os.access(text, os.R_OK):
        raise ValueError("there is no such file, or it cannot be read")
    return text


#: An ``http(s)://host:port[/prefix]`` address, kept as text without a trailing slash.
BaseUrl = Annotated[str, AfterValidator(base_url)]
ServerList = Annotated[str, parsed_by(parse_servers)]


class BackendSettings(BaseSettings):
    """What ``Settings`` takes over; see there."""

    backend: str = Field(
        default="torchserve", description="which model server is behind: a name known to gateway.model_server.registry"
    )
    torchserve_inference_url: BaseUrl = Field(default="http://127.0.0.1:8085", description="TorchServe's inference API")
    torchserve_management_url: BaseUrl = Field(
        default="http://127.0.0.1:8086", description="TorchServe's management API"
    )
    torchserve_servers: ServerList = Field(
        default="",
        max_length=8192,
        description="further TorchServes that routing may switch to: name=inference_url|management_url,…",
    )
    oip_url: BaseUrl = Field(
        default="http://127.0.0.1:8080", description="the server of the Open Inference Protocol, with BACKEND=oip"
    )
    oip_token_file: Annotated[str, AfterValidator(_readable_file)] = Field(
        default="", description="file with the token that this server wants as Authorization: Bearer"
    )
    oip_encoding: Literal["auto", "binary", "json"] = Field(
        default="auto", description="how pictures go to this server: as binary data, or in JSON as base64"
    )
    oip_class_names: str = Field(
        default="", max_length=100_000, description="names of classes 0, 1, …, where this server only has numbers"
    )
    model_name: str = Field(
        default="yolo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="name of the served model"
    )

    connect_timeout_s: Seconds = Field(default=0.5, description="to open a connection to the model server")
    read_timeout_s: Seconds = Field(default=60, description="to wait for the model server's answer")
    write_timeout_s: Seconds = Field(default=30, description="to hand a picture over to the model server")
    pool_timeout_s: Seconds = Field(
        default=5, description="to wait for a free connection before answering 'overloaded'"
    )
    max_connections: int = Field(
        default=64, ge=1, le=4096, description="connections to the model server, so requests in it"
    )
