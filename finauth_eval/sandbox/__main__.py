"""``python -m finauth_eval.sandbox``: the server alone, without the rest of the command line."""

from __future__ import annotations

import sys

from finauth_eval.sandbox.arguments import parse_arguments
from finauth_eval.sandbox.server import serve


def main() -> None:
    """Serve until told to stop; exit 2 with one line when the server can't start."""
    settings, until_eof = parse_arguments(sys.argv[1:])
    try:
        serve(settings, until_eof=until_eof)
    except (ImportError, OSError) as error:
        sys.stderr.write(f"finauth_eval.sandbox: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
