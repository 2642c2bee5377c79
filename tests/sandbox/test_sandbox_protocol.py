"""The signature check, against a vector made by hand and against every way to get it wrong."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from finauth_eval.sandbox.protocol import SignatureGuard, parse_signature

# made outside of this project: printf 'a=..' | openssl dgst -sha1 -hmac demo-secret -binary, then raw, then base64
VECTOR = "WvdbQqQzCpcqTgD7StIp6HUI1tlhPWRlbW8ta2V5JmI9MTUzMDc2MjIxOCZjPTE1MzA3NjIxMTgmZD0wNzk5Njg3MDY2"
SIGNED = 1530762118
EXPIRES = 1530762218
KEYS = {"demo-key": "demo-secret"}


def guard(now: float, skew: float = 600.0) -> SignatureGuard:
    return SignatureGuard(KEYS, allowed_skew_s=skew, clock=lambda: now)


def error(guard: SignatureGuard, sign: str) -> str | None:
    refused = guard.check(sign)
    return None if refused is None else f"{refused.status} {refused.error}"


EXPIRED = "403 AUTHENTICATION_ERROR:EXPIRED_SIGN"
INVALID = "403 AUTHENTICATION_ERROR:INVALID_SIGN"


def test_the_vector_is_good_until_it_expires_and_not_a_second_longer() -> None:
    assert error(guard(SIGNED), VECTOR) is None
    assert error(guard(EXPIRES), VECTOR) is None
    assert error(guard(EXPIRES + 1), VECTOR) == EXPIRED


def test_the_vector_may_be_used_again_until_it_expires() -> None:
    watch = guard(SIGNED + 50)
    assert [error(watch, VECTOR) for _ in range(3)] == [None, None, None]


def test_a_clock_ahead_of_the_server_is_allowed_up_to_the_skew() -> None:
    assert error(guard(SIGNED - 600), VECTOR) is None
    assert error(guard(SIGNED - 601), VECTOR) == EXPIRED


def test_the_vector_comes_apart_into_what_was_signed() -> None:
    signature = parse_signature(VECTOR)
    assert signature is not None
    assert signature.digest.hex() == "5af75b42a4330a972a4e00fb4ad229e87508d6d9"
    assert signature.raw == b"a=demo-key&b=1530762218&c=1530762118&d=0799687066"
    assert (signature.api_key, signature.expires, signature.signed) == ("demo-key", EXPIRES, SIGNED)
    assert signature.random == "0799687066"


@pytest.mark.parametrize("position", [0, 10, 19, 22, 35, 60, 67])
def test_one_changed_byte_makes_it_invalid(position: int) -> None:
    blob = bytearray(base64.b64decode(VECTOR))
    blob[position] ^= 1
    assert error(guard(SIGNED), base64.b64encode(blob).decode()) in {
        INVALID,
        "403 AUTHENTICATION_ERROR:INVALID_API_KEY",
    }


@pytest.mark.parametrize(
    "sign",
    [
        "",
        "not base64!",
        "AAAA",
        VECTOR[:-4],
        VECTOR + "\n",
        "é" * 40,
        base64.b64encode(b"\xff" * 60).decode(),
    ],
)
def test_what_is_no_signature_is_invalid(sign: str) -> None:
    assert error(guard(SIGNED), sign) == INVALID


def test_an_expiry_that_is_not_after_the_signing_is_invalid(sign: Callable[..., str]) -> None:
    assert error(guard(1000), sign(c=1000, b=1000)) == INVALID
    assert error(guard(1000), sign(c=1000, b=1001)) is None


def test_another_secret_is_invalid_and_another_key_is_named_as_such(sign: Callable[..., str]) -> None:
    assert error(guard(1000), sign(c=1000, secret="other")) == INVALID
    assert error(guard(1000), sign(c=1000, key="other")) == "403 AUTHENTICATION_ERROR:INVALID_API_KEY"


def test_a_single_use_signature_is_good_once(sign: Callable[..., str]) -> None:
    watch = guard(1000)
    first, second = sign(c=1000, b=0), sign(c=1000, b=0)
    assert [error(watch, each) for each in (first, first, second)] == [None, INVALID, None]


def test_a_single_use_signature_grows_old(sign: Callable[..., str]) -> None:
    assert error(guard(1600), sign(c=1000, b=0)) is None
    assert error(guard(1601), sign(c=1000, b=0)) == EXPIRED


def test_a_forgotten_single_use_signature_is_too_old_to_come_back(sign: Callable[..., str]) -> None:
    now = [1000.0]
    watch = SignatureGuard(KEYS, allowed_skew_s=10, clock=lambda: now[0])
    once = sign(c=1000, b=0)
    assert error(watch, once) is None
    now[0] = 1011.0
    assert error(watch, sign(c=1011, b=0)) is None  # prunes what is too old
    assert error(watch, once) == EXPIRED
