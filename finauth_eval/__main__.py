"""``python -m finauth_eval`` is the ``finauth-eval`` command."""

from finauth_eval.cli import main

if __name__ == "__main__":
    main()
