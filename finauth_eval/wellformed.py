"""Texts from outside as texts that every encoder takes."""

from __future__ import annotations

__all__ = ["printable", "well_formed"]


def well_formed(text: str) -> str:
    r"""The text with lone surrogates written out as ``\udcNN``.

    File names that are not UTF-8 and hostile JSON hold them; neither UTF-8 nor Parquet can write them.

    Example:
        >>> well_formed("caf\u00e9.jpg"), well_formed("bad\udcff.jpg")
        ('café.jpg', 'bad\\udcff.jpg')
    """
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    r"""Text without what could steer a terminal: control characters from file names and messages are shown.

    Example:
        >>> print(printable("\x1b[2J of a file name"))
        \x1b[2J of a file name
    """
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
