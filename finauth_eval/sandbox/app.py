"""The server as an ASGI application: one route of the API, and two of the sandbox itself."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from finauth_eval.sandbox.answers import AnswerForm, firewall_page, gateway_timeout, json_response, too_large
from finauth_eval.sandbox.broken import CutOff, CutOffUnnoticed, CutUpload, Drip, Reset, Stall
from finauth_eval.sandbox.form import Submission, discard_body, read_submission
from finauth_eval.sandbox.protocol import SignatureGuard
from finauth_eval.sandbox.scoring import Refused, Remembered, Score, Scored
from finauth_eval.sandbox.settings import SandboxSettings
from finauth_eval.sandbox.stats import Stats

__all__ = ["API_PATH", "create_app"]

API_PATH = "/finauth/v5/anti_deepfake"

# faults whose answer is an error of the API, whatever was sent
ERROR_FAULTS: dict[str, Refused] = {
    "500": Refused(status=500, error="INTERNAL_ERROR"),
    "retry_after": Refused(status=500, error="INTERNAL_ERROR"),
    "504": Refused(status=504, error="504"),
    "413": Refused(status=413, error="413"),
    "404": Refused(status=404, error="API_NOT_FOUND"),
    "internal_timeout": Refused(error="INTERNAL_TIMEOUT"),
    "unlisted": Refused(error="SOME_NEW_ERROR: with spaces"),
    "concurrency": Refused(status=403, error="CONCURRENCY_LIMIT_EXCEEDED"),
    "expired_sign": Refused(status=403, error="AUTHENTICATION_ERROR:EXPIRED_SIGN"),
    "bad_sign": Refused(status=403, error="AUTHENTICATION_ERROR:INVALID_SIGN"),
    "key_dead": Refused(status=403, error="AUTHENTICATION_ERROR:API_KEY_DEACTIVATED"),
    "no_permission": Refused(status=403, error="AUTHORIZATION_ERROR:API_NOT_ALLOWED"),
    "too_often": Refused(status=403, error="AUTHENTICATION_ERROR:QPS_LIMIT"),
}

# faults that change the content of an answer with a score
CONTENT_FAULTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "nan": lambda answer: answer | {"score": float("nan")},
    "string_score": lambda answer: answer | {"score": str(answer["score"])},
    "missing_score": lambda answer: {key: value for key, value in answer.items() if key != "score"},
    "out_of_range": lambda answer: answer | {"score": 1.7},
    "contradiction": lambda answer: answer | {"result": not answer["result"]},
    "threshold_change": lambda answer: _with_other_threshold(answer),
}
# their answers are still good ones
SOUND_FAULTS = frozenset({"contradiction", "threshold_change"})
BODY_FAULTS = frozenset({"half_body", "half_body_nolength", "drip"})


def _with_other_threshold(answer: dict[str, Any]) -> dict[str, Any]:
    threshold = 0.6 if answer["threshold"] < 0.6 else 0.4
    return answer | {"threshold": threshold, "result": answer["score"] >= threshold}


def create_app(settings: SandboxSettings, score: Score) -> Starlette:
    """Build the server around a scorer.

    Args:
        settings: What the server is told.
        score: Called as ``score(media, data_type)`` in a worker thread. Its answers are remembered by the content's
            sha256 (the last 512), so the same bytes are scored once; the counters still count every answer.

    Returns:
        An application with ``POST /finauth/v5/anti_deepfake``, ``GET /sandbox/health`` and ``GET /sandbox/stats``.
        Faults that break the connection need uvicorn, and ``broken.expose_transport`` around the application.
    """
    stats = Stats()
    pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="sandbox")
    api = _AntiDeepfake(settings, score, stats, pool)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.shutdown(wait=False, cancel_futures=True)

    async def show_stats(_: Request) -> Response:
        return JSONResponse(stats.to_dict())

    async def show_health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    routes = [
        Route(API_PATH, api, methods=["POST"]),
        Route("/sandbox/stats", show_stats),
        Route("/sandbox/health", show_health),
    ]
    handlers = {404: _not_found(settings), 500: _internal_error(settings)}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


def _not_found(settings: SandboxSettings) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return AnswerForm(error_field=settings.error_field).refused(status, "API_NOT_FOUND")

    return answer


def _internal_error(settings: SandboxSettings) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, __: Exception) -> Response:  # Starlette goes on to raise it, so the log has it
        return AnswerForm(error_field=settings.error_field).refused(500, "INTERNAL_ERROR")

    return answer


class _AntiDeepfake:
    """The route: an ASGI application of its own, so that a request stays in flight until its answer is sent."""

    def __init__(
        self, settings: SandboxSettings, score: Score, stats: Stats, pool: ThreadPoolExecutor
    ) -> None:
        self._settings = settings
        self._score = Remembered(score)
        self._stats = stats
        self._pool = pool
        self._guard = SignatureGuard(settings.keys, allowed_skew_s=settings.allowed_skew_s)
        self._random = random.Random(settings.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        form = AnswerForm(error_field=self._settings.error_field)
        with self._stats.request():
            try:
                await self._answer_in_turn(request, form, send)
            except ClientDisconnect:  # it left while sending: nobody is there to answer
                self._stats.errors["disconnected"] += 1

    async def _answer_in_turn(self, request: Request, form: AnswerForm, send: Send) -> None:
        limit = self._settings.concurrency_limit
        if limit is not None and self._stats.admitted_now >= limit:
            await discard_body(request)
            answer = self._refuse(form, ERROR_FAULTS["concurrency"])
            await answer(request.scope, request.receive, send)
            return
        with self._stats.admission() as number:
            await (await self._answer(request, form, number))(request.scope, request.receive, send)

    async def _answer(self, request: Request, form: AnswerForm, number: int) -> ASGIApp:
        fault = self._settings.faults.draw(number, self._random.random())
        if fault is not None:
            self._stats.faults[fault] += 1
        if fault == "413_close":
            return CutUpload()
        submission = await read_submission(request, self._guard)
        await asyncio.sleep(self._settings.latency_ms / 1000)
        unscored = None if fault is None else self._unscored_fault(fault, form)
        if unscored is not None:
            return unscored
        if isinstance(submission, Refused):
            return self._refuse(form, submission)
        return await self._score_submission(submission, form, fault)

    def _unscored_fault(self, fault: str, form: AnswerForm) -> ASGIApp | None:
        if fault in ERROR_FAULTS:
            headers = {"retry-after": "1"} if fault == "retry_after" else None
            return self._refuse(form, ERROR_FAULTS[fault], headers=headers)
        pages: dict[str, Callable[[], Response]] = {
            "firewall": firewall_page,
            "reset": Reset,
            "stall": partial(Stall, self._settings.stall_s),
            "html200": partial(
                HTMLResponse, "<html><head><title>Welcome</title></head><body>Hello</body></html>"
            ),
            "not_json": partial(PlainTextResponse, "OK"),
        }
        return pages[fault]() if fault in pages else None

    async def _score_submission(self, submission: Submission, form: AnswerForm, fault: str | None) -> ASGIApp:
        sha256 = hashlib.sha256(submission.media).hexdigest()
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(
            self._pool, self._score, submission.media, submission.data_type, sha256
        )
        if isinstance(outcome, Refused):
            if outcome.word == "NO_FACE_FOUND":
                self._stats.no_face[sha256] += 1
            return self._refuse(form, outcome)
        sound = fault is None or fault in SOUND_FAULTS
        (self._stats.scored if sound else self._stats.spoiled)[sha256] += 1
        return self._scored_answer(outcome, form, fault)

    def _scored_answer(self, outcome: Scored, form: AnswerForm, fault: str | None) -> ASGIApp:
        content = form.scored(outcome.score, self._settings.threshold)
        if fault in CONTENT_FAULTS:
            content = CONTENT_FAULTS[fault](content)
        if fault not in BODY_FAULTS:
            return json_response(content)
        body = json.dumps(content).encode()
        if fault == "drip":
            return Drip(body, pause=self._settings.drip_s)
        return CutOff(body) if fault == "half_body" else CutOffUnnoticed(body)

    def _refuse(
        self, form: AnswerForm, refused: Refused, *, headers: dict[str, str] | None = None
    ) -> Response:
        self._stats.errors[refused.word] += 1
        if refused.status == 413:
            return too_large()
        if refused.status == 504:
            return gateway_timeout()
        return form.refused(refused.status, refused.error, headers=headers)
