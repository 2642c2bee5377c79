"""The sandbox, and the version."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from finauth_eval import __version__
from finauth_eval.cli.application import app
from finauth_eval.cli.output import extra, say


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(metavar="N", help="Port; 0 takes a free one.")] = 8765,
    latency_ms: Annotated[float, typer.Option(metavar="N", help="Added to every answer.")] = 0.0,
    concurrency_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse more requests at once.")
    ] = None,
    fault: Annotated[
        str, typer.Option(metavar="KIND:RATE,...", help="Faults to show; 'help' lists the kinds.")
    ] = "",
    api_version: Annotated[
        str, typer.Option(metavar="V", help="v5, or v5.1: a slightly different detector.")
    ] = "v5",
    scorer: Annotated[
        Literal["reference", "hash"],
        typer.Option(help="reference, or hash: for load tests, reads no picture."),
    ] = "reference",
    seed: Annotated[int, typer.Option(help="Of the faults.")] = 0,
) -> None:
    """Serve FinAuth's wire format on 127.0.0.1 with a weak reference detector (key demo-key, secret demo-secret)."""
    with extra("demo"):
        from finauth_eval.sandbox.faults import FAULT_KINDS, parse_faults
        from finauth_eval.sandbox.server import serve
        from finauth_eval.sandbox.settings import SandboxSettings

        if fault == "help":
            typer.echo("\n".join(f"{kind:20} {meaning}" for kind, meaning in FAULT_KINDS.items()))
            return
        settings = SandboxSettings(
            port=port,
            latency_ms=latency_ms,
            concurrency_limit=concurrency_limit,
            faults=parse_faults(fault),
            api_version=api_version,
            scorer=scorer,
            seed=seed,
        )
        say("weak reference detector; says nothing about FinAuth")
        serve(settings)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
