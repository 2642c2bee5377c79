"""Where the face detector's weights lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_directory", "default_weights", "require_weights"]


def cache_directory() -> Path:
    """Return the directory that downloads are kept in.

    ``FINAUTH_EVAL_CACHE_DIR`` if it is set, else ``finauth-eval`` below ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    chosen = os.environ.get("FINAUTH_EVAL_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "finauth-eval"


def default_weights() -> Path:
    """Return where ``dataset build-demo`` puts the face detector."""
    return cache_directory() / "demo" / "centerface.onnx"


def require_weights(path: Path | None) -> Path:
    """Return the weights' path once the file is known to be there.

    Args:
        path: The file, or None for the one in the cache directory.

    Raises:
        FileNotFoundError: It is not there; the message says what to run.
    """
    chosen = default_weights() if path is None else path
    if not chosen.is_file():
        raise FileNotFoundError(
            f"the face detector's weights are not at {chosen}: run `finauth-eval dataset build-demo DIR` once, "
            "which fetches them, or name the file with --weights"
        )
    return chosen
