"""Keys and tokens that are limited to models: what limits them, and what the caller may use then."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.grants import models_in, scopes_in
from gateway.auth.key_file import KeyFile
from gateway.auth.key_records import parse_keys
from gateway.auth.model_rights import may_use, require_model
from gateway.auth.tokens import Secret, TokenRules, TokenVerifier
from gateway.errors import InsufficientScope
from gateway.http.caller import MODELS, REFUSED_MODEL
from ops import keys
from tests.gateway.support.auth import add_key
from tests.gateway.support.issuer import AUDIENCE, ISSUER, token

SECRET = b"a secret of forty bytes, and some more.."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def limited_to(*models: str) -> dict[str, Any]:
    return {"type": "http", MODELS: frozenset(models)}


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["predict"], None),
        (["predict", "model:helmets"], {"helmets"}),
        (["model:helmets", "model:plates", "predict"], {"helmets", "plates"}),
        (["predict", "model:"], {""}),  # grants no model, instead of all
        (["predict", "model:*"], {"*"}),
        (["predict", "models:helmets", "Model:helmets"], None),  # words of somebody else
    ],
)
def test_words_limit_a_credential_to_the_models_that_they_name(words: list[str], models: set[str] | None) -> None:
    assert models_in(words) == models
    assert scopes_in(words) == {"predict"}


def test_a_key_has_the_models_that_it_was_made_with(path: Path) -> None:
    free = add_key(path, "all")
    door = add_key(path, "door", models=("plates", "helmets"))
    file = KeyFile(path)
    assert file.verify(free).models is None
    assert file.verify(door).models == {"helmets", "plates"}
    assert file.verify(door).scopes == {"predict"}


@pytest.mark.parametrize(
    "changed",
    [
        {"models": "helmets"},
        {"models": []},
        {"models": [1]},
        {"models": {}},
        {"models": ["a b"]},
        {"scopes": ["predict", "model:"]},
        {"scopes": ["predict", "model:*"]},
        {"scopes": ["model:helmets"]},  # of no use: it may call no address
    ],
)
def test_a_line_with_a_wrong_limit_opens_nothing(path: Path, changed: dict[str, Any]) -> None:
    add_key(path)
    (entry,) = keys.entries(path)
    assert parse_keys(json.dumps(entry))
    assert not parse_keys(json.dumps({**entry, **changed}))


def test_a_field_models_limits_as_scopes_do(path: Path) -> None:
    add_key(path)
    (entry,) = keys.entries(path)
    (record,) = parse_keys(json.dumps({**entry, "models": ["helmets"]})).values()
    assert (record.scopes, record.models) == ({"predict"}, {"helmets"})


def test_a_gateway_that_knows_no_such_limit_leaves_the_line_out(path: Path) -> None:
    """Its rule for scopes: every word is `predict` or `admin`. Otherwise the key would open every model there."""
    add_key(path, models=("helmets",))
    (entry,) = keys.entries(path)
    assert not set(entry["scopes"]) <= {"predict", "admin"}


@pytest.mark.anyio
async def test_a_token_is_limited_by_its_scopes() -> None:
    verifier = TokenVerifier(TokenRules(ISSUER, AUDIENCE, 30), frozenset({"HS256"}), None, Secret(SECRET))

    async def models(**given: Any) -> frozenset[str] | None:
        return (await verifier.verify(token(SECRET, None, "HS256", **given))).models

    assert await models(scope="predict") is None
    assert await models(scope="predict model:helmets") == {"helmets"}
    assert await models(scope="predict", scopes=["model:helmets", "model:plates"]) == {"helmets", "plates"}
    assert await models(scope="predict model:") == {""}


def test_without_a_limit_every_model_may_be_used() -> None:
    scope = {"type": "http"}
    require_model(scope, "anything")
    assert may_use(scope, "anything")
    assert REFUSED_MODEL not in scope


def test_a_limit_is_to_names_as_they_are_spelled() -> None:
    scope = limited_to("plates", "helmets")
    assert [name for name in ("plates", "helmets", "Helmets", "helmet", "") if may_use(scope, name)] == [
        "plates",
        "helmets",
    ]


def test_the_default_model_is_a_model_like_others_and_the_refusal_says_which_to_name() -> None:
    scope = limited_to("plates", "helmets")
    require_model(scope, "helmets")
    with pytest.raises(InsufficientScope) as refused:
        require_model(scope, "yolo")
    assert "the model 'yolo'; it is limited to 'helmets', 'plates'" in refused.value.message
    assert "model=NAME" in refused.value.message
    assert refused.value.headers["WWW-Authenticate"] == (
        'Bearer realm="yolo-serving", error="insufficient_scope", scope="predict model:yolo"'
    )
    assert scope[REFUSED_MODEL] == "yolo"
    assert "scope=" not in InsufficientScope.headers["WWW-Authenticate"]  # the next refusal's own


@pytest.mark.parametrize("name", ['"', "a\r\nb", "a b", "é", "x" * 300, "", "\x00"])
def test_what_a_client_invents_stays_out_of_the_header(name: str) -> None:
    with pytest.raises(InsufficientScope) as refused:
        require_model(limited_to("helmets"), name)
    assert refused.value.headers["WWW-Authenticate"].endswith('scope="predict"')
    assert re.fullmatch(r"[\x20-\x7e…\ufffdé]+", refused.value.message)
    assert len(refused.value.message) < 400


def test_a_long_list_is_cut_in_the_message() -> None:
    with pytest.raises(InsufficientScope, match=r"'m9' and 20 more") as refused:
        require_model(limited_to(*(f"m{number}" for number in range(10)), *(f"n{number}" for number in range(20))), "x")
    assert "'n0'" not in refused.value.message
