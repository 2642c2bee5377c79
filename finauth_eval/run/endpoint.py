"""Where to send: a region by name, or an address."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from finauth_eval.errors import InputError

__all__ = ["API_VERSION", "REGIONS", "Endpoint", "resolve_endpoint"]

API_VERSION: Final = "v5"
_PATH: Final = "/finauth/v5/anti_deepfake"
REGIONS: Final = {
    "sgp": f"https://api-sgp.yljz.com{_PATH}",
    "idn": f"https://api-idn.yljz.com{_PATH}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address to send to.

    Attributes:
        url: Scheme, host, port and path.
        region: ``"sgp"``, ``"idn"`` or ``None``.
        name: What the cache knows it by: ``--endpoint-name``, else the region, else the url.
        loopback: Whether it is this very machine.
    """

    url: str
    region: str | None
    name: str
    loopback: bool


def resolve_endpoint(where: str, *, name: str | None = None) -> Endpoint:
    """The endpoint of a region's name or of a URL.

    A URL without a path gets the API's own. Plain HTTP is taken for this machine alone.

    Args:
        where: ``"sgp"``, ``"idn"`` or a URL.
        name: What the cache shall know it by, so that a moved address keeps its answers.

    Raises:
        InputError: It is neither, or would send pictures and signatures in the clear.

    Example:
        >>> resolve_endpoint("sgp").url
        'https://api-sgp.yljz.com/finauth/v5/anti_deepfake'
        >>> resolve_endpoint("http://127.0.0.1:8080").name
        'http://127.0.0.1:8080/finauth/v5/anti_deepfake'
    """
    if where in REGIONS:
        return Endpoint(url=REGIONS[where], region=where, name=name or where, loopback=False)
    try:
        parts = urlsplit(where)
        host, port = parts.hostname, parts.port
        _ = httpx.Request(
            "POST", where
        ).url.host  # what httpx can't send to is said before a send is on record
    except (ValueError, httpx.InvalidURL) as error:
        raise InputError(f"endpoint {where!r} is not a URL ({error})") from error
    if parts.scheme not in ("https", "http") or not host:
        raise InputError(
            f"endpoint {where!r}: expected {' or '.join(REGIONS)}, or a URL that begins with https://"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "the endpoint's URL has a user, a query or a fragment; expected scheme, host, port and path"
        )
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise InputError(f"endpoint {where!r}: plain http is for this machine alone; use https")
    address = f"[{host}]" if ":" in host else host
    place = f"{parts.scheme}://{address}{f':{port}' if port else ''}"
    url = place + (parts.path if parts.path not in ("", "/") else _PATH)
    return Endpoint(url=url, region=None, name=name or url, loopback=loopback)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
