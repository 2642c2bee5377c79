"""The signature of a request, checked as the vendor describes it.

``raw = "a={api_key}&b={expire_time}&c={current_time}&d={random}"`` and
``sign = base64(HMAC-SHA1(api_secret, raw) || raw)``: 20 bytes of digest, then raw. ``b = 0`` makes a signature
single-use; otherwise ``c < b`` and it may be used until ``b``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from finauth_eval.sandbox.scoring import Refused

__all__ = ["SIGN_VERSION", "Signature", "SignatureGuard", "parse_signature"]

SIGN_VERSION = "hmac_sha1"
DIGEST_SIZE = 20
RAW_FORM = re.compile(
    r"a=(?P<key>[^&]+)&b=(?P<expires>\d{1,12})&c=(?P<signed>\d{1,12})&d=(?P<random>\d{1,10})"
)

EXPIRED = Refused(status=403, error="AUTHENTICATION_ERROR:EXPIRED_SIGN")
INVALID = Refused(status=403, error="AUTHENTICATION_ERROR:INVALID_SIGN")
# not EXPIRED or INVALID: a client that signs again with a wrong key would never get further
UNKNOWN_KEY = Refused(status=403, error="AUTHENTICATION_ERROR:INVALID_API_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature taken apart.

    Attributes:
        digest: HMAC-SHA1 as sent, 20 bytes.
        raw: The signed text.
        api_key: The ``a`` in it.
        expires: ``b``, epoch seconds; 0 for single use.
        signed: ``c``, epoch seconds of the client's clock.
        random: ``d``, the decimal as it was sent.
    """

    digest: bytes
    raw: bytes
    api_key: str
    expires: int
    signed: int
    random: str


def parse_signature(sign: str) -> Signature | None:
    """Take a ``sign`` field apart; None when it is not base64 of a digest and the raw form.

    Example:
        >>> parse_signature("bm9uc2Vuc2U=") is None
        True
    """
    try:
        blob = base64.b64decode(sign, validate=True)
        text = blob[DIGEST_SIZE:].decode("ascii")
    except (binascii.Error, ValueError):
        return None
    form = RAW_FORM.fullmatch(text)
    if form is None:
        return None
    return Signature(
        digest=blob[:DIGEST_SIZE],
        raw=blob[DIGEST_SIZE:],
        api_key=form["key"],
        expires=int(form["expires"]),
        signed=int(form["signed"]),
        random=form["random"],
    )


class SignatureGuard:
    """Checks signatures against the server's clock and remembers the single-use ones.

    Args:
        keys: API keys with their secrets.
        allowed_skew_s: How far a client's clock may be ahead, and how old a single-use signature may be, in s.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        *,
        allowed_skew_s: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = dict(keys)
        self._skew = allowed_skew_s
        self._clock = clock
        self._used: dict[tuple[str, int, str], int] = {}

    def check(self, sign: str) -> Refused | None:
        """Return why a signature is refused, or None for a good one, which then counts as used."""
        signature = parse_signature(sign)
        if signature is None:
            return INVALID
        secret = self._keys.get(signature.api_key)
        if secret is None:
            return UNKNOWN_KEY
        expected = hmac.new(secret.encode(), signature.raw, hashlib.sha1).digest()
        if not hmac.compare_digest(expected, signature.digest):
            return INVALID
        return self._check_times(signature)

    def _check_times(self, signature: Signature) -> Refused | None:
        now = self._clock()
        if signature.signed > now + self._skew:
            return EXPIRED
        if signature.expires == 0:
            return self._use_once(signature, now)
        if signature.expires <= signature.signed:
            return INVALID
        return EXPIRED if now > signature.expires else None

    def _use_once(self, signature: Signature, now: float) -> Refused | None:
        oldest = now - self._skew
        if signature.signed < oldest:
            return EXPIRED
        # what is too old to be accepted again need not be remembered
        self._used = {use: signed for use, signed in self._used.items() if signed >= oldest}
        use = (signature.api_key, signature.signed, signature.random)
        if use in self._used:
            return INVALID
        self._used[use] = signature.signed
        return None
