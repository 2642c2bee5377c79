"""What every command does with its words, its files and its score table."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from finauth_eval.errors import FinauthEvalError, InputError, MissingExtra
from finauth_eval.places import Place, appearing, place
from finauth_eval.wellformed import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.scores import ScoreTable
    from finauth_eval.slicing import Windows
    from finauth_eval.tallied import Tallied

__all__ = [
    "append_text", "extra", "low_coverage", "printable", "read_or_scan", "read_table", "require_coverage", "say",
    "typed_command", "write_json", "write_text",
]  # fmt: skip


def say(text: str) -> None:
    """A line for the person, on standard error."""
    typer.echo(printable(text), err=True)


def typed_command() -> str | None:
    """The command as it was typed, without the program's own place; ``None`` where another program called us."""
    program, *arguments = sys.argv or [""]
    if Path(program).stem not in ("finauth-eval", "__main__"):
        return None
    return shlex.join(["finauth-eval", *arguments])


def read_table(
    path: Place,
    label: str,
    score: str,
    attack_type: str,
    score_range: Literal["unit", "any"],
    *,
    require_labels: bool = True,
) -> ScoreTable:
    """The score table of a command's SCORES and reading options."""
    from finauth_eval.scores import read_scores

    return read_scores(
        path,
        label_column=label,
        score_column=score,
        attack_type_column=attack_type,
        score_range=score_range,
        require_labels=require_labels,
    )


def read_or_scan(
    path: Place,
    label: str,
    score: str,
    attack_type: str,
    score_range: Literal["unit", "any"],
    *,
    by: Sequence[str | Windows],
    cluster: str | None,
    require_labels: bool = True,
    together: bool = True,
    dask: str | None = None,
) -> ScoreTable | Tallied:
    """A command's SCORES: a table, or where they may be more than fits into memory their counts."""
    from finauth_eval.scanning import scan_scores, worth_scanning

    if dask is not None or worth_scanning(path):
        return scan_scores(
            path, by=by, cluster=cluster, label_column=label, score_column=score, attack_type_column=attack_type,
            score_range=score_range, require_labels=require_labels, together=together, dask=dask,
        )  # fmt: skip
    return read_table(path, label, score, attack_type, score_range, require_labels=require_labels)


def require_coverage(table: ScoreTable | Tallied, least: float) -> None:
    """Exit 7, after everything was said, where a smaller share of the samples has a score."""
    short = low_coverage(table, least)
    if short is not None:
        say(f"finauth-eval: {short}; the numbers describe the rest only")
        raise typer.Exit(7)


def low_coverage(table: ScoreTable | Tallied, least: float) -> str | None:
    """What is wrong with a table of whose samples a smaller share has a score; ``None`` where nothing is."""
    if not 0 <= least <= 1:
        raise InputError(f"--min-coverage is {least}; expected a share in [0, 1]")
    scored = table.n_scored
    if scored >= least * len(table):
        return None
    return (
        f"{table.provenance.source}: coverage is {scored / len(table):.1%} ({scored} of {len(table)} samples have a"
        f" score), below --min-coverage {least:g}"
    )


def write_json(file: str | None, payload: Any) -> None:
    """Write what ``--json`` asks for; ``-`` is standard output."""
    if file is None:
        return
    text = json.dumps(payload, indent=1, allow_nan=False)
    if file == "-":
        typer.echo(text)
    else:
        write_text(file, text)


def write_text(file: str, text: str) -> None:
    """Write a file that appears whole or not at all."""
    try:
        with appearing(place(file)) as scratch:
            scratch.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: can't be written ({error.strerror or error})") from error


def append_text(file: str, text: str) -> None:
    """Add to a file that others write to as well, such as a step's summary."""
    try:
        with Path(file).open("a", encoding="utf-8") as target:
            target.write(text + "\n")
    except OSError as error:
        raise InputError(f"{file}: can't be written ({error.strerror or error})") from error


class extra:  # noqa: N801 - reads as the statement it is
    """Says which extra to install when an optional package is missing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, ImportError) and not isinstance(error, FinauthEvalError):
            raise MissingExtra(
                f"{error.name or error} is not installed; this needs: pip install 'finauth-eval[{self._name}]'"
            ) from error
        if isinstance(error, OSError):  # the detector's weights are missing, or the port is taken
            raise InputError(str(error.strerror or error)) from error
