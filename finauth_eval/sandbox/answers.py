"""Answers as the API words them: JSON with a request id, 413 in plain text, 504 as HTML."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response

__all__ = ["AnswerForm", "firewall_page", "gateway_timeout", "json_response", "new_request_id", "too_large"]


def new_request_id() -> str:
    """Return ``<epoch>,<uuid>``, as siblings of the API do."""
    return f"{int(time.time())},{uuid.uuid4()}"


def json_response(
    content: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return JSON, with NaN as Python writes it: a fault needs an answer that Starlette's own class refuses."""
    return Response(json.dumps(content), status, dict(headers or {}), "application/json")


class AnswerForm:
    """The fields that every answer to one request shares: its id and its time.

    Args:
        error_field: Name of the field that an error stands in.
    """

    def __init__(self, *, error_field: str = "error") -> None:
        self._error_field = error_field
        self._started = time.perf_counter()

    def scored(self, score: float, threshold: float) -> dict[str, Any]:
        """Return the content of an answer with a score, which is rounded to 4 decimals before it is compared."""
        rounded = round(score, 4)
        return self._frame() | {"result": rounded >= threshold, "score": rounded, "threshold": threshold}

    def refused(self, status: int, error: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return an error; a 404 carries no request id."""
        content = self._frame() | {self._error_field: error}
        if status == 404:
            del content["request_id"]
        return json_response(content, status=status, headers=headers)

    def _frame(self) -> dict[str, Any]:
        used = int((time.perf_counter() - self._started) * 1000)
        return {"request_id": new_request_id(), "time_used": used}


def too_large() -> Response:
    """Return what stands in front of the API says to a body that is too large."""
    return PlainTextResponse("Request Entity Too Large\n", 413)


def gateway_timeout() -> Response:
    """Return a gateway's page for an API that did not answer in time."""
    page = "<html>\n<head><title>504 Gateway Time-out</title></head>\n<body><h1>504 Gateway Time-out</h1></body>\n</html>\n"
    return HTMLResponse(page, 504)


def firewall_page() -> Response:
    """Return a firewall's page."""
    page = "<html><head><title>Request blocked by the firewall</title></head><body>Your request was blocked.</body></html>"
    return HTMLResponse(page, 403)
