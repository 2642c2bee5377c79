"""The vendor's signature, against values made elsewhere."""

from __future__ import annotations

import base64
import shutil
import subprocess

import pytest

from finauth_eval.run.signing import sign


def test_the_signature_of_the_known_example_keeps_its_leading_zero():
    # made by another program, whose formula reproduced the vendor's published sample
    expected = "WvdbQqQzCpcqTgD7StIp6HUI1tlhPWRlbW8ta2V5JmI9MTUzMDc2MjIxOCZjPTE1MzA3NjIxMTgmZD0wNzk5Njg3MDY2"
    assert sign("demo-key", "demo-secret", expires=1530762218, now=1530762118, nonce="0799687066") == expected


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed, and it is the other road here"
)
@pytest.mark.parametrize(("key", "secret", "expires"), [("k", "s", 0), ("clé", "geheim-ß", 2_000_000_100)])
def test_the_digest_is_openssls(key, secret, expires):
    signed = base64.b64decode(sign(key, secret, expires=expires, now=2_000_000_000, nonce="7"))
    raw = f"a={key}&b={expires}&c=2000000000&d=7".encode()
    told = subprocess.run(
        ["openssl", "dgst", "-sha1", "-mac", "HMAC", "-macopt", "hexkey:" + secret.encode().hex(), "-binary"],
        input=raw,
        capture_output=True,
        check=True,
    )
    assert signed == told.stdout + raw


@pytest.mark.parametrize("nonce", ["", "12345678901", "-1", "1.5", "٣"])
def test_a_nonce_that_the_api_would_not_take_is_refused(nonce):
    with pytest.raises(ValueError, match="unsigned decimal of at most 10 digits"):
        sign("k", "s", expires=10, now=1, nonce=nonce)


def test_a_signature_that_expires_before_it_is_made_is_refused():
    with pytest.raises(ValueError, match="not after"):
        sign("k", "s", expires=100, now=100, nonce="1")
