"""The application that commands are added to, and what becomes of errors."""

from __future__ import annotations

import signal
from typing import Any

import typer
from typer.core import TyperGroup

from finauth_eval.cli.output import say
from finauth_eval.errors import FinauthEvalError

__all__ = ["app", "baseline_app", "cache_app", "dataset_app", "history_app", "main"]


class _Commands(TyperGroup):
    """Turns what the outside world did to us into one clear line and the documented exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (FinauthEvalError, ValueError) as error:
            # a ValueError is an option that no command can work with; its message says which and what is expected
            say(f"finauth-eval: {error}")
            raise typer.Exit(getattr(error, "exit_code", 2)) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise  # a reader that has seen enough; typer ends quietly
            place = f"{error.filename}: " if error.filename else ""
            say(f"finauth-eval: {place}{error.strerror or error}")
            raise typer.Exit(6) from None
        except KeyboardInterrupt:
            say("finauth-eval: interrupted")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Evaluate FinAuth's anti_deepfake API and calibrate its threshold. SCORES is a run folder, a CSV or a"
    " Parquet file; MANIFEST a folder, a CSV, JSONL or Parquet file.",
)
dataset_app = typer.Typer(no_args_is_help=True, help="Look at datasets, and build the demo's.")
app.add_typer(dataset_app, name="dataset")
cache_app = typer.Typer(no_args_is_help=True, help="Look after the answers on disk, and hand them on.")
app.add_typer(cache_app, name="cache")
baseline_app = typer.Typer(no_args_is_help=True, help="Say which run later ones are held against.")
app.add_typer(baseline_app, name="baseline")
history_app = typer.Typer(no_args_is_help=True, help="Look at the runs of a folder over time.")
app.add_typer(history_app, name="history")


def main() -> None:
    """Entry point of the ``finauth-eval`` command."""
    # a scheduler's SIGTERM is a wish to stop like Ctrl-C: what is in flight is waited for
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
