"""One request's multipart body, read with a cap and checked in the order in which the API would complain."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from finauth_eval.sandbox.protocol import SIGN_VERSION, SignatureGuard
from finauth_eval.sandbox.scoring import IMAGE, VIDEO, Refused

__all__ = ["TOO_LARGE", "Submission", "discard_body", "read_submission"]

MEDIA_CAPS = {IMAGE: 10 * 1024 * 1024, VIDEO: 7_864_320}
# what a body may have beside its media: the other fields and the parts' heads
BODY_CAP = max(MEDIA_CAPS.values()) + 256 * 1024
# a body beyond this is not even read to its end
DRAIN_CAP = 64 * 1024 * 1024
TEXT_CAP = 4096
TOO_LARGE = Refused(status=413, error="413")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Media that arrived with a good signature; ``data_type`` is 0 for an image, 1 for a video."""

    media: bytes
    data_type: int


async def read_submission(request: Request, guard: SignatureGuard) -> Submission | Refused:
    """Read and check a request; part content types, file names and the order of fields play no part."""
    form = await _read_form(request)
    if isinstance(form, Refused):
        return form
    try:
        return await _check_signature(form, guard) or await _read_media(form)
    finally:
        await form.close()


async def _read_form(request: Request) -> FormData | Refused:
    body = _Body(request)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        await body.discard()
        return FormData()
    parser = MultiPartParser(request.headers, body.chunks(), max_files=16, max_fields=64)
    try:
        form = await parser.parse()
    except MultiPartException:
        await body.discard()
        return TOO_LARGE if body.is_cut else Refused(error="BAD_ARGUMENTS:multipart")
    if body.is_cut:
        await form.close()
        return TOO_LARGE
    return form


async def discard_body(request: Request) -> None:
    """Read a body to its end and drop it, so that the client hears the answer instead of a closed connection."""
    await _Body(request).discard()


class _Body:
    """A request's body up to the cap; what is beyond is read and dropped."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._seen = 0
        self.is_cut = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async for chunk in self._stream:
            self._seen += len(chunk)
            self.is_cut = self._seen > BODY_CAP
            if self._seen > DRAIN_CAP:
                return
            if not self.is_cut:
                yield chunk

    async def discard(self) -> None:
        """Go on from wherever reading stopped."""
        async for _ in self.chunks():
            pass


async def _check_signature(form: FormData, guard: SignatureGuard) -> Refused | None:
    for key in ("sign", "sign_version"):
        if key not in form:
            return Refused(error=f"MISSING_ARGUMENTS:{key}")
    if await _text(form, "sign_version") != SIGN_VERSION:
        return Refused(error="BAD_ARGUMENTS:sign_version")
    return guard.check(await _text(form, "sign"))


async def _read_media(form: FormData) -> Submission | Refused:
    if "data_type" not in form:
        return Refused(error="MISSING_ARGUMENTS:data_type")
    data_type = {"0": IMAGE, "1": VIDEO}.get(await _text(form, "data_type"))
    if data_type is None:
        return Refused(error="BAD_ARGUMENTS:data_type")
    field = "image" if data_type == IMAGE else "video"
    if field not in form:
        return Refused(error=f"MISSING_ARGUMENTS:{field}")
    media = form[field]
    if not isinstance(media, UploadFile) or not media.size:
        return Refused(error=f"BAD_ARGUMENTS:{field}")
    if media.size > MEDIA_CAPS[data_type]:
        return TOO_LARGE
    return Submission(media=await media.read(), data_type=data_type)


async def _text(form: FormData, key: str) -> str:
    value = form[key]
    if isinstance(value, UploadFile):  # some clients send every field as a file
        return (await value.read(TEXT_CAP)).decode("utf-8", "replace")
    return value
