"""The two classes, and the words that people use for them."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["ACCEPTED", "ATTACK", "BONA_FIDE", "Label", "parse_label"]

Label = Literal["bona_fide", "attack"]

BONA_FIDE: Final = "bona_fide"
ATTACK: Final = "attack"

_WORDS: Final[dict[str, Label]] = {
    "bona_fide": "bona_fide",
    "bonafide": "bona_fide",
    "real": "bona_fide",
    "genuine": "bona_fide",
    "0": "bona_fide",
    "false": "bona_fide",
    "attack": "attack",
    "fake": "attack",
    "spoof": "attack",
    "deepfake": "attack",
    "1": "attack",
    "true": "attack",
}

ACCEPTED: Final = (
    "attack/bona_fide, fake/real, spoof/bonafide, deepfake/genuine, 1/0, true/false (case does not matter)"
)


def parse_label(text: object) -> Label | None:
    """The class that a word stands for, or ``None`` when it is none of the accepted ones.

    Case, surrounding blanks, hyphens and inner blanks do not matter; the numbers 0 and 1 may be floats, as pandas
    makes them of a column with gaps.

    Example:
        >>> parse_label(" Bona-Fide "), parse_label(1.0), parse_label("fak")
        ('bona_fide', 'attack', None)
    """
    word = str(text).strip().lower().replace("-", "_").replace(" ", "_").removesuffix(".0")
    return _WORDS.get(word)
