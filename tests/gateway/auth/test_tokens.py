"""JWTs, with real keys and a real JWKS address: what is accepted, what never is, and what happens when keys rotate."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.warnings import InsecureKeyLengthWarning

from gateway.auth import jwks as jwks_module
from gateway.auth.identity import Identity, Refusal
from gateway.auth.jwks import Jwks
from gateway.auth.tokens import Secret, TokenRules, TokenVerifier, scopes_of
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.auth import attempts, bearer
from tests.gateway.support.fake_torchserve import serving
from tests.gateway.support.issuer import AUDIENCE, ISSUER, Issuer, claims, ec_key, jwk, public_pem, rsa_key, token
from tests.support import Clock

pytestmark = pytest.mark.anyio

SECRET = b"a secret of forty bytes, and some more.."
ALL = frozenset({"RS256", "ES256", "HS256"})
RULES = TokenRules(ISSUER, AUDIENCE, leeway_s=30)


@pytest.fixture(scope="module")
def _issuing() -> Iterator[tuple[Issuer, str]]:
    issuer = Issuer()
    with serving(issuer) as url:
        yield issuer, url


@pytest.fixture
def issuer(_issuing: tuple[Issuer, str]) -> Issuer:
    _issuing[0].reset()
    _issuing[0].shows(old=rsa_key("old"), curve=ec_key("curve"))
    return _issuing[0]


@pytest.fixture
def url(_issuing: tuple[Issuer, str], issuer: Issuer) -> str:
    return _issuing[1] + issuer.path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(issuer: Issuer, url: str, clock: Clock) -> AsyncIterator[Jwks]:
    keys = Jwks(url, ALL - {"HS256"}, refresh_s=300, max_age_s=3600, clock=clock)
    yield keys
    await keys.aclose()


@pytest.fixture
def verifier(keys: Jwks) -> TokenVerifier:
    return TokenVerifier(RULES, ALL, keys, Secret(SECRET))


async def refused(verifier: TokenVerifier, text: str) -> str:
    with pytest.raises(Refusal) as caught:
        await verifier.verify(text)
    assert caught.value.method == "jwt"
    return caught.value.outcome


async def refused_soon(verifier: TokenVerifier, text: str) -> str:
    """Ask until what a refresh in the background has brought along refuses the token."""
    async with asyncio.timeout(30):
        while True:
            try:
                await verifier.verify(text)
            except Refusal as refusal:
                return refusal.outcome
            await asyncio.sleep(0.01)


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims()).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


# --- What is accepted ---


async def test_each_algorithm_is_accepted_with_its_own_kind_of_key(verifier: TokenVerifier) -> None:
    alice = Identity("jwt:alice", "jwt", frozenset({"predict"}))
    assert await verifier.verify(token(rsa_key("old"), "old")) == alice
    assert await verifier.verify(token(ec_key("curve"), "curve")) == alice
    assert await verifier.verify(token(SECRET, None, "HS256")) == alice


async def test_a_token_without_a_key_id_is_checked_with_the_only_key_there_is(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    assert (await verifier.verify(token(rsa_key("old"), None))).name == "jwt:alice"
    issuer.shows(old=rsa_key("old"), new=rsa_key("new"))
    clock.now += 301
    await verifier.verify(token(rsa_key("old"), "old"))  # known, so it starts the refresh and does not wait for it
    assert await refused_soon(verifier, token(rsa_key("old"), None)) == "unknown"
    assert issuer.asked == 2


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"scope": "predict admin"}, {"predict", "admin"}),
        ({"scope": "openid profile"}, set()),
        ({"scopes": ["predict", "other", 3]}, {"predict"}),
        ({"scopes": "admin"}, {"admin"}),
        ({"scope": "predict", "scopes": ["admin"]}, {"predict", "admin"}),
        ({"scope": {"predict": True}}, set()),
        ({"scope": "predictor"}, set()),
        ({}, set()),
    ],
)
async def test_scopes_are_read_from_either_claim(given: dict[str, Any], scopes: set[str]) -> None:
    assert scopes_of(given) == scopes


async def test_clocks_may_differ_by_the_leeway(verifier: TokenVerifier) -> None:
    now = int(time.time())
    await verifier.verify(token(SECRET, None, "HS256", exp=now - 10))
    await verifier.verify(token(SECRET, None, "HS256", nbf=now + 10))
    assert await refused(verifier, token(SECRET, None, "HS256", exp=now - 40)) == "expired"
    assert await refused(verifier, token(SECRET, None, "HS256", nbf=now + 60)) == "claims"


# --- What never is ---


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.test"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": "two\nlines"},
        {"exp": "soon"},
    ],
)
async def test_claims_that_will_not_do(verifier: TokenVerifier, changed: dict[str, Any]) -> None:
    assert await refused(verifier, token(rsa_key("old"), "old", **changed)) in {"claims", "malformed"}


async def test_an_unsigned_token_is_refused_however_it_spells_none(verifier: TokenVerifier) -> None:
    for spelling in ("none", "None", "NONE", ""):
        assert await refused(verifier, unsigned({"alg": spelling, "typ": "JWT"})) == "algorithm"


async def test_a_public_key_never_serves_as_the_secret_of_hs256(keys: Jwks, verifier: TokenVerifier) -> None:
    for key, kid in ((rsa_key("old"), "old"), (ec_key("curve"), "curve")):
        pem = public_pem(key)
        head = jwt.encode({}, SECRET, "HS256", headers={"kid": kid}).split(".")[0]
        body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=").decode()
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            f"{head}.{body}".encode(), pem
        )
        forged = f"{head}.{body}." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        assert await refused(verifier, forged) == "signature"  # checked with the secret, and with nothing else
        without_secret = TokenVerifier(RULES, ALL, keys, None)
        assert await refused(without_secret, forged) == "algorithm"


async def test_a_key_verifies_only_tokens_of_its_own_kind(verifier: TokenVerifier) -> None:
    assert await refused(verifier, token(rsa_key("old"), "curve")) == "unknown"
    assert await refused(verifier, token(ec_key("curve"), "old")) == "unknown"
    assert await refused(verifier, token(rsa_key("other"), "old")) == "signature"
    assert await refused(verifier, token(rsa_key("old"), "old", "RS512")) == "algorithm"
    assert await refused(verifier, token(ec.generate_private_key(ec.SECP384R1()), "curve", "ES384")) == "algorithm"


async def test_an_algorithm_that_is_not_allowed_is_refused(keys: Jwks) -> None:
    only_curves = TokenVerifier(RULES, frozenset({"ES256"}), keys, Secret(SECRET))
    assert await refused(only_curves, token(rsa_key("old"), "old")) == "algorithm"
    assert await refused(only_curves, token(SECRET, None, "HS256")) == "algorithm"
    await only_curves.verify(token(ec_key("curve"), "curve"))


async def test_keys_and_addresses_that_a_token_brings_along_are_not_looked_at(
    verifier: TokenVerifier, issuer: Issuer, url: str
) -> None:
    mine = rsa_key("mine")
    elsewhere = url.replace("/keys-", "/elsewhere-")
    brought = {"jku": elsewhere, "x5u": elsewhere, "jwk": jwk(mine, "old")}
    assert await refused(verifier, token(mine, "old", headers=brought)) == "signature"
    assert issuer.asked_elsewhere == []


@pytest.mark.parametrize("text", ["a.b.c", "..", "e30.e30.e30", "é.b.c", "eyJhbGciOiJSUzI1NiJ9.e30.", "W10.W10.W10"])
async def test_nonsense_is_refused(verifier: TokenVerifier, text: str) -> None:
    assert await refused(verifier, text) in {"malformed", "algorithm", "signature"}


async def test_strange_headers_are_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert await refused(verifier, unsigned({"alg": "RS256", "kid": 7})) == "malformed"
    nested = base64.urlsafe_b64encode(b"[" * 6000).rstrip(b"=").decode()
    assert await refused(verifier, f"{nested}.e30.e30") == "malformed"
    assert await refused(verifier, token(SECRET, None, "HS256", exp=float("inf"))) in {"malformed", "claims"}
    assert await refused(verifier, unsigned({"alg": ["RS256"], "kid": "old"})) == "algorithm"
    assert await refused(verifier, unsigned({"alg": "RS256", "kid": "../old"})) == "unknown"
    assert await refused(verifier, token(rsa_key("old"), "old", headers={"crit": ["exp2"], "exp2": 1})) != "ok"
    assert issuer.asked_elsewhere == []


# --- The key set ---


async def test_only_fitting_public_signature_keys_of_a_set_are_used(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    weak, good = rsa_key("weak", 1024), rsa_key("old")
    issuer.keys = [
        "no object",
        {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(SECRET).decode()},
        jwk(weak, "weak"),
        jwk(good, "for-encryption", use="enc"),
        jwk(good, "of-another-algorithm", alg="RS512"),
        jwk(good, "to-sign-with", key_ops=["sign"]),
        jwk(ec.generate_private_key(ec.SECP384R1()), "p384"),
        {"kty": "RSA", "kid": "cut", "n": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "off-curve", "x": "AAAA", "y": "AAAA"},
        jwk(good, "good", alg="RS256", key_ops=["verify"]),
        jwk(rsa_key("other"), "good"),  # an id a second time
    ]  # type: ignore[list-item]
    await verifier.verify(token(good, "good"))
    for kid in ("for-encryption", "of-another-algorithm", "to-sign-with"):
        assert await refused(verifier, token(good, kid)) == "unknown"
    with pytest.warns(InsecureKeyLengthWarning):
        short = token(weak, "weak")
    assert await refused(verifier, short) == "unknown"
    assert await refused(verifier, token(SECRET, "shared", "HS256", iss="x")) == "claims"  # our secret, not the set's


async def test_a_new_key_is_accepted_at_once_and_the_old_one_retires_with_it(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    before = token(rsa_key("old"), "old")
    await verifier.verify(before)
    issuer.shows(new=rsa_key("new"))
    clock.now += 11
    assert (await verifier.verify(token(rsa_key("new"), "new"))).name == "jwt:alice"
    assert await refused(verifier, before) == "unknown"
    assert issuer.asked == 2


async def test_a_key_that_is_withdrawn_is_refused_after_the_refresh(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    before = token(rsa_key("old"), "old")
    await verifier.verify(before)
    issuer.shows(new=rsa_key("new"))
    clock.now += 299
    await verifier.verify(before)
    assert issuer.asked == 1
    clock.now += 2
    await verifier.verify(before)  # this one starts the refresh and does not wait for it
    assert await refused_soon(verifier, before) == "unknown"
    assert issuer.asked == 2


async def test_made_up_key_ids_do_not_make_us_ask_more_than_every_ten_seconds(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    for number in range(20):
        assert await refused(verifier, token(rsa_key("mine"), f"made-up-{number}")) == "unknown"
    assert issuer.asked == 1
    clock.now += 11
    for number in range(20):
        await refused(verifier, token(rsa_key("mine"), f"made-up-{number}"))
    assert issuer.asked == 2


async def test_many_first_requests_share_one_fetch(verifier: TokenVerifier, issuer: Issuer) -> None:
    issuer.delay_s = 0.2
    text = token(rsa_key("old"), "old")
    await asyncio.gather(*(verifier.verify(text) for _ in range(20)))
    assert issuer.asked == 1


async def test_a_client_that_leaves_does_not_take_the_fetch_from_the_others(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    issuer.delay_s = 0.3
    text = token(rsa_key("old"), "old")
    first = asyncio.create_task(verifier.verify(text))
    second = asyncio.create_task(verifier.verify(text))
    await until(lambda: issuer.asked)
    first.cancel()
    assert (await second).name == "jwt:alice"
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 302},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b'{"keys": []}'},
        {"body": b'{"keys": 7}'},
        {"body": b" " * 300_000},
    ],
)
async def test_with_the_issuer_broken_known_keys_work_until_a_bound(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    known = token(rsa_key("old"), "old")
    await verifier.verify(known)
    for name, value in fault.items():
        setattr(issuer, name, value)
    clock.now += 3000
    await verifier.verify(known)
    await until(lambda: "signing keys cannot be fetched" in caplog.text)
    assert issuer.asked == 2
    await verifier.verify(known)
    clock.now += 20
    assert await refused(verifier, token(rsa_key("new"), "new")) == "unavailable"  # it may be a new key, who knows
    clock.now += 600
    assert await refused(verifier, known) == "unavailable"
    assert issuer.asked_elsewhere == []
    issuer.heal()
    issuer.shows(old=rsa_key("old"))
    clock.now += 11
    await verifier.verify(known)


async def test_a_slow_issuer_holds_up_nobody_whose_key_is_known(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    known = token(rsa_key("old"), "old")
    await verifier.verify(known)
    issuer.delay_s = 30
    clock.now += 400
    async with asyncio.timeout(15):
        for _ in range(10):
            await verifier.verify(known)


async def test_an_issuer_that_never_answered_is_503_at_once_between_tries(
    url: str, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_module, "FETCH_S", 0.2)
    issuer.delay_s = 30
    keys = Jwks(url, ALL, 300, 3600, clock)
    verifier = TokenVerifier(RULES, ALL, keys, None)
    try:
        assert await refused(verifier, token(rsa_key("old"), "old")) == "unavailable"
        monkeypatch.setattr(jwks_module, "FETCH_S", 30)  # another try would take as long
        async with asyncio.timeout(15):
            assert await refused(verifier, token(rsa_key("old"), "old")) == "unavailable"
        assert issuer.asked == 1
    finally:
        await keys.aclose()


async def test_closing_gives_up_what_is_being_fetched(url: str, issuer: Issuer) -> None:
    issuer.delay_s = 30
    keys = Jwks(url, ALL, 300, 3600)
    keys.start()
    await until(lambda: issuer.asked)
    async with asyncio.timeout(15):
        await keys.aclose()


# --- Through the gateway ---


@pytest.fixture
def token_settings(settings: SettingsMaker, issuer: Issuer, url: str) -> SettingsMaker:
    defaults: dict[str, Any] = {
        "jwt_jwks_url": url,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "metrics_public": True,
    }
    defaults["connect_timeout_s"] = 10  # what is tested here is the issuer, also on a machine with more to do
    return lambda **changed: settings(**{**defaults, **changed})


async def test_rotation_while_the_gateway_runs(
    token_settings: SettingsMaker, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_module, "ASK_AT_MOST_EVERY_S", 0.0)
    async with running_app(token_settings()) as (_, client):
        old, new = bearer(token(rsa_key("old"), "old")), bearer(token(rsa_key("new"), "new"))
        assert (await client.get("/models", headers=old)).status_code == 200
        assert_error(await client.get("/models", headers=new), 401, "invalid_credentials")
        issuer.shows(new=rsa_key("new"))
        assert (await client.get("/models", headers=new)).status_code == 200
        assert_error(await client.get("/models", headers=old), 401, "invalid_credentials")
        counted = await attempts(client)
        assert counted == {("jwt", "ok"): 2, ("jwt", "unknown"): 2}


async def test_keys_are_fetched_at_the_start_and_not_in_its_way(token_settings: SettingsMaker, issuer: Issuer) -> None:
    issuer.answers.clear()
    async with running_app(token_settings()) as (_, client):
        assert (await client.get("/health/live")).status_code == 200
        await until(lambda: issuer.asked)  # had the start waited for an answer, it would have given the fetch up
        issuer.answers.set()
        assert (await client.get("/models", headers=bearer(token(ec_key("curve"), "curve")))).status_code == 200
        assert issuer.asked == 1


async def test_the_service_is_unharmed_when_the_issuer_is_gone(
    token_settings: SettingsMaker, unused_url: str, tmp_path: Path
) -> None:
    from tests.gateway.support.auth import add_key

    path = tmp_path / "keys.jsonl"
    key = add_key(path)
    async with running_app(token_settings(jwt_jwks_url=f"{unused_url}/keys", api_keys_file=str(path))) as (_, client):
        response = await client.get("/models", headers=bearer(token(rsa_key("old"), "old")))
        assert_error(response, 503, "auth_unavailable")
        assert response.headers["retry-after"] == "10"
        assert (await client.get("/models", headers=bearer(key))).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200


async def test_what_is_wrong_with_a_real_token_is_told(token_settings: SettingsMaker) -> None:
    async with running_app(token_settings()) as (_, client):

        async def told(text: str) -> str:
            response = await client.get("/models", headers=bearer(text))
            return assert_error(response, 401, "invalid_credentials")

        key = rsa_key("old")
        assert "expired" in await told(token(key, "old", exp=1))
        assert "audience" in await told(token(key, "old", aud="other"))
        assert "issuer" in await told(token(key, "old", iss="other"))
        assert "sub" in await told(token(key, "old", sub=None))
        assert "not valid yet" in await told(token(key, "old", nbf=int(time.time()) + 500))
        assert "expired" not in await told(token(rsa_key("mine"), "old", exp=1))  # not really signed: nothing is told


async def test_a_shared_secret_comes_from_its_file(settings: SettingsMaker, tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    path.write_bytes(SECRET + b"\n")
    made = settings(jwt_secret_file=str(path), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    async with running_app(made) as (app, client):
        assert (await client.get("/models", headers=bearer(token(SECRET, None, "HS256")))).status_code == 200
        wrong = token(b"another secret of more than 32 bytes", None, "HS256")
        assert_error(await client.get("/models", headers=bearer(wrong)), 401, "invalid_credentials")
        assert_error(
            await client.get("/models", headers=bearer(token(rsa_key("old"), "old"))), 401, "invalid_credentials"
        )
        assert SECRET.decode() not in f"{made!r} {app.user_middleware!r} {Secret(SECRET)!r}"


async def test_a_token_too_long_to_be_one_is_refused(token_settings: SettingsMaker) -> None:
    async with running_app(token_settings()) as (_, client):
        long = token(rsa_key("old"), "old", padding="x" * 9000)
        assert_error(await client.get("/models", headers=bearer(long)), 401, "invalid_credentials")
