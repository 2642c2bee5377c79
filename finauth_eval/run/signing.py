"""The vendor's request signature, ``hmac_sha1``."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

__all__ = ["SIGN_VERSION", "sign"]

SIGN_VERSION: Final = "hmac_sha1"


def sign(api_key: str, api_secret: str, *, expires: int, now: int, nonce: str) -> str:
    """The ``sign`` field of one request: base64 of 20 bytes of HMAC-SHA1 and the text that it covers.

    Body, path and method are not covered; so a signature is made at the moment of sending and again for each attempt.

    Args:
        api_key: The account's public key.
        api_secret: The account's secret.
        expires: Epoch seconds until which it may be used; 0 makes it single-use.
        now: Epoch seconds of signing.
        nonce: An unsigned decimal of at most 10 digits; leading zeros are kept.

    Raises:
        ValueError: The nonce is not such a decimal, or it would expire before it is made.

    Example:
        >>> sign("demo-key", "demo-secret", expires=1530762218, now=1530762118, nonce="0799687066")[:28]
        'WvdbQqQzCpcqTgD7StIp6HUI1tlh'
    """
    if not (nonce.isascii() and nonce.isdecimal() and len(nonce) <= 10):
        raise ValueError(f"nonce is {nonce!r}; expected an unsigned decimal of at most 10 digits")
    if expires != 0 and expires <= now:
        raise ValueError(f"the signature would expire at {expires}, which is not after {now}")
    raw = f"a={api_key}&b={expires}&c={now}&d={nonce}".encode()
    # SHA-1 is the vendor's choice; as an HMAC it is not known to be broken
    digest = hmac.new(api_secret.encode(), raw, hashlib.sha1).digest()
    return base64.b64encode(digest + raw).decode("ascii")
