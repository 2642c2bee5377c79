"""What to ask when something does not work: doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finauth_eval.cli.application import app
from finauth_eval.cli.options import Json
from finauth_eval.cli.output import printable, write_json
from finauth_eval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.run.checks import Check


@app.command()
def doctor(
    region: Annotated[
        str | None, typer.Option(help="sgp (Singapore) or idn (Indonesia): see whether it answers.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another address, such as a sandbox's.")
    ] = None,
    cache: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the answers.")] = Path(
        ".finauth-cache"
    ),
    json_file: Json = None,
) -> None:
    """Look at the installation, the credentials, the cache and, where one is named, the endpoint; costs nothing."""
    from finauth_eval.run.doctor import examine, exit_code_of, report

    if region is not None and endpoint is not None:
        raise InputError("expected --region or --endpoint, not both")
    if region not in (None, "sgp", "idn"):
        raise InputError(f"--region is {region!r}; expected sgp or idn")
    checks = examine(cache=cache, endpoint=region or endpoint)
    write_json(json_file, report(checks))
    if json_file != "-":
        typer.echo(printable(_table(checks)))
    raise typer.Exit(exit_code_of(checks))


def _table(checks: Sequence[Check]) -> str:
    """A line a check, and below it what to do; made by hand, because it must come where packages are missing."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.verdict:8} {check.name:{width}}  {check.seen}")
        if check.advice:
            lines.append(f"{'':8} {'':{width}}  -> {check.advice}")
    return "\n".join(lines)
