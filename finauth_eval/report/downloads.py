"""Files that the page hands out without anybody answering: links that carry them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

__all__ = ["data_link"]

_AS_THEY_ARE: Final = "!$&'()*+,-./:;=?@[]^_`{|}~"
"""Characters that a data address may hold as they are; blanks, quotes, percent, hash, line ends and all beyond ASCII not."""


def data_link(text: str, media_type: str) -> str:
    """An address that holds a text, for a link with ``download``.

    Example:
        >>> data_link("a,b\\n1,#2", "text/csv")
        'data:text/csv;charset=utf-8,a,b%0A1,%232'
    """
    return f"data:{media_type};charset=utf-8,{quote(text, safe=_AS_THEY_ARE)}"
