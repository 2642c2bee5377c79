"""Texts from outside as texts that every encoder takes."""

from __future__ import annotations

__all__ = ["well_formed"]


def well_formed(text: str) -> str:
    r"""The text with lone surrogates written out as ``\udcNN``.

    File names that are not UTF-8 and hostile JSON hold them; neither UTF-8 nor Parquet can write them.

    Example:
        >>> well_formed("caf\u00e9.jpg"), well_formed("bad\udcff.jpg")
        ('café.jpg', 'bad\\udcff.jpg')
    """
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
