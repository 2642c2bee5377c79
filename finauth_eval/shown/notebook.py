"""Results as a notebook shows them: tables and folded parts, which JupyterLab leaves standing in untrusted notebooks.

No style, script or picture: what is shown is the same everywhere, in both of JupyterLab's themes and in a mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from finauth_eval.shown.text import name, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MOST_ROWS", "details", "page", "paragraph", "table"]

MOST_ROWS: Final = 40
"""Rows of one table that are shown; the rest is counted in words."""
_LONGEST_NAME: Final = 72
_LONGEST_CELL: Final = 240
_LONGEST_SENTENCE: Final = 700
_BYTES: Final = 58_000


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> Markup:
    """A table; of many rows the first `MOST_ROWS`, and how many more there are.

    Args:
        header: The columns' names.
        rows: A text a column; the first is the row's own name. Texts from outside are welcome.
        caption: What the table shows.

    Example:
        >>> table(["type", "n"], [["<mask>", "3"]], caption="Attacks")[85:]
        Markup('n</th></tr></thead><tbody><tr><th scope="row"><bdi>&lt;mask&gt;</bdi></th><td>3</td></tr></tbody></table>')
    """
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(own) for own in header)
    body = Markup("").join(_row(row) for row in rows[:MOST_ROWS])
    left = len(rows) - MOST_ROWS
    rest = Markup("<p>and {} more, which to_dict() has</p>").format(left) if left > 0 else Markup("")
    return Markup("<table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}").format(
        _plain(caption), head, body, rest
    )


def _row(row: Sequence[str]) -> Markup:
    first, *others = row
    cells = Markup("").join(Markup("<td>{}</td>").format(_plain(own)) for own in others)
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(name(first, _LONGEST_NAME), cells)


def _plain(text: str) -> str:
    return shorten(visible(text), _LONGEST_CELL)


def paragraph(text: str) -> Markup:
    """A sentence.

    Example:
        >>> paragraph("1 < 2")
        Markup('<p>1 &lt; 2</p>')
    """
    return Markup("<p>{}</p>").format(shorten(visible(text), _LONGEST_SENTENCE))


def details(summary: str, parts: Iterable[Markup]) -> Markup:
    """Parts that are folded until somebody opens them.

    Example:
        >>> details("2 notes", [paragraph("a"), paragraph("b")])
        Markup('<details><summary>2 notes</summary><p>a</p><p>b</p></details>')
    """
    return Markup("<details><summary>{}</summary>{}</details>").format(
        _plain(summary), Markup("").join(parts)
    )


def page(parts: Iterable[Markup]) -> str:
    """The parts as one piece of HTML of at most 60 kB; parts that would pass that are left out, and that is said."""
    kept, size, left_out = [], 0, 0
    for part in parts:
        own = len(part.encode())
        if size + own > _BYTES:
            left_out += 1
            continue
        kept.append(part)
        size += own
    if left_out:
        kept.append(
            paragraph(f"Too long for a notebook: {left_out} parts are left out, which to_dict() has.")
        )
    return str(Markup("<div>{}</div>").format(Markup("").join(kept)))
