"""A Dask cluster, and how to get to one.

Needs the extra ``dask``; nothing is imported from it before a cluster is asked for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from finauth_eval.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["LOCAL", "connected"]

LOCAL: Final = "local"
_CONNECT_TIMEOUT_S: Final = 20


@contextmanager
def connected(where: str | Client, *, workers: int | None = None) -> Iterator[Client]:
    """A client of the cluster; what is started here ends with the block.

    Args:
        where: A scheduler's address such as ``"tcp://10.0.0.5:8786"``; ``"local"`` for a cluster of this machine's own,
            one worker process a core; or a client, which stays open.
        workers: With ``"local"``, so many processes.

    Raises:
        MissingExtra: Dask is not installed.
        InputError: There is no scheduler at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtra(
            f"{error.name or error} is not installed; a cluster needs: pip install 'finauth-eval[dask]'"
        ) from error
    if isinstance(where, Client):
        yield where
        return
    with ExitStack() as stack:
        address: Any = where
        if where == LOCAL:
            address = stack.enter_context(
                LocalCluster(
                    n_workers=workers or os.cpu_count() or 1,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",  # else a port that may be taken, open to the network
                )
            )
        try:
            client = Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"no Dask scheduler at {where!r} ({str(error) or type(error).__name__}); expected 'local' or an address"
                " such as tcp://10.0.0.5:8786"
            ) from error
        stack.callback(client.close)  # ``with client`` would have to begin and end in one thread
        if where == LOCAL:
            client.register_plugin(_deaf_to_ctrl_c(), name="finauth-eval-ctrl-c")
        yield client


def _deaf_to_ctrl_c() -> Any:
    """A terminal's Ctrl-C reaches every process of the foreground: the run's own decides, its workers finish."""
    from distributed import WorkerPlugin

    class DeafToCtrlC(WorkerPlugin):
        def setup(self, worker: object) -> None:  # noqa: ARG002 - Dask's signature
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return DeafToCtrlC()
