"""What a look at one thing gives: the value that ``doctor`` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CREDENTIALS", "INSTALLATION", "NETWORK", "STORAGE", "Check", "not_installed"]

INSTALLATION: Final = 2
NETWORK: Final = 3
CREDENTIALS: Final = 4
STORAGE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        verdict: ``"ok"``, ``"warning"`` (a run works) or ``"problem"`` (it does not).
        seen: What was found.
        advice: What to do about it.
        exit_code: The shell's, where it is a problem.
    """

    name: str
    verdict: Literal["ok", "warning", "problem"]
    seen: str
    advice: str = ""
    exit_code: int = 0


def not_installed(name: str, error: ImportError) -> Check:
    """What can't be looked at for want of a package."""
    return Check(
        name=name,
        verdict="problem",
        seen=f"could not be looked at: {error.name or error} is not installed",
        advice="pip install --upgrade finauth-eval",
        exit_code=INSTALLATION,
    )
