"""The command line: one thin command a verb. Everything is imported when a command needs it, so that help is quick."""

from finauth_eval.cli import caching, comparing, datasets, health, judging, running, serving, watching  # noqa: F401 - each adds its commands
from finauth_eval.cli.application import app, main

__all__ = ["app", "main"]
