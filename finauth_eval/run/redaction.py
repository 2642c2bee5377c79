"""What no text of ours may hold: key, secret, and the signatures made of them. One place finds them and takes them out.

The package logs to one logger of the standard library, ``finauth_eval``. While a client is open, what is logged there,
and by httpx and httpcore, goes through ``Redaction`` before any handler sees it.
"""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from finauth_eval.run.credentials import Credentials
from finauth_eval.wellformed import printable

__all__ = ["HELD_BACK", "Redaction", "Secrets", "redacted_logs"]

HELD_BACK: Final = "(held back)"
# 20 bytes of digest and some 50 of text make at least 90 letters; a hash in hex, which an id may be, has at most 64
_SIGNATURE: Final = r"(?:[A-Za-z0-9+/]|%2[BFbf]){72,}(?:=|%3[Dd])*"
_BASE64: Final = "[A-Za-z0-9+/]*"
# a filter sees what is logged on its own logger and not what is logged below it
_LOGGERS: Final = (
    "finauth_eval",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_filters_change: Final = threading.Lock()


class Secrets:
    """Knows a key, its secret, and what a signature looks like, whole or cut off.

    Example:
        >>> secrets = Secrets(Credentials(api_key="demo-key", api_secret="demo-secret"))
        >>> secrets.without("demo-secret is not the secret of demo-key")
        '(held back) is not the secret of (held back)'
    """

    def __init__(self, credentials: Credentials) -> None:
        key, secret = credentials.api_key.get_secret_value(), credentials.api_secret.get_secret_value()
        whole = [re.escape(text) for text in sorted((key, secret), key=len, reverse=True) if text]
        # the shape first: it takes long runs of letters away from the pattern that would search them again and again
        self._pattern = re.compile("|".join([_SIGNATURE, _cut_off_signature(key), *whole]))

    def __repr__(self) -> str:
        return "Secrets(...)"

    def found_in(self, text: str) -> bool:
        """Whether there is something in it that must not be kept."""
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text with such things replaced."""
        return self._pattern.sub(HELD_BACK, text)


def _cut_off_signature(key: str) -> str:
    """Part of a signature: after 20 bytes of digest and an ``a`` the encoding of ``=key&b=`` is always the same."""
    fixed = f"={key}&b=".encode()
    letters = base64.b64encode(fixed[: min(9, len(fixed) // 3 * 3)]).decode("ascii")
    return f"{_BASE64}{re.escape(letters)}{_BASE64}=*"


class Redaction(logging.Filter):
    """Takes secrets out of records: message, arguments, exception and stack; control characters are shown.

    An exception becomes its text: its frames hold what was sent.
    """

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass, changed."""
        message = printable(self._secrets.without(_message(record)))
        record.msg, record.args = message.replace("\n", "\\n"), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = printable(self._secrets.without(record.exc_text))
        if record.stack_info:
            record.stack_info = printable(self._secrets.without(record.stack_info))
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # arguments that don't fit the message
        return f"{record.msg} {record.args}"


@contextmanager
def redacted_logs(secrets: Secrets) -> Iterator[None]:
    """Keep secrets out of every record of this package and of the HTTP client until the block ends."""
    redaction = Redaction(secrets)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    # lists are replaced and never changed: another run's thread may be walking along one just now
    with _filters_change:
        for logger in loggers:
            logger.filters = [*logger.filters, redaction]
    try:
        yield
    finally:
        with _filters_change:
            for logger in loggers:
                logger.filters = [other for other in logger.filters if other is not redaction]
