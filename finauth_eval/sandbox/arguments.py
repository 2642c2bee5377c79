"""Settings as command-line arguments and back, for ``python -m finauth_eval.sandbox``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from finauth_eval.sandbox.faults import FAULT_KINDS, FaultPlan, parse_faults
from finauth_eval.sandbox.settings import API_VERSIONS, SandboxSettings, ScorerName

__all__ = ["KEYS_VARIABLE", "parse_arguments", "to_arguments"]

KEYS_VARIABLE = "FINAUTH_SANDBOX_KEYS"
DEFAULTS = SandboxSettings()


def parse_arguments(
    arguments: Sequence[str], *, environment: Mapping[str, str] = os.environ
) -> tuple[SandboxSettings, bool]:
    """Read the settings, and whether to stop at the end of standard input.

    Args:
        arguments: The arguments after the program's name.
        environment: Where ``FINAUTH_SANDBOX_KEYS`` (``key:secret,...``) is looked up; secrets are no arguments,
            which every user of the machine could list.

    Raises:
        SystemExit: The arguments make no settings; argparse has said why.
    """
    parser = _parser()
    values = vars(parser.parse_args(arguments))
    until_eof = values.pop("until_eof")
    keys = environment.get(KEYS_VARIABLE)
    try:
        values["faults"] = parse_faults(values.pop("fault"))
        if keys:
            values["keys"] = dict(_parse_key(pair) for pair in keys.split(","))
        return SandboxSettings(**values), until_eof
    except ValueError as error:
        parser.error(str(error))


def _parse_key(pair: str) -> tuple[str, str]:
    key, found, secret = pair.partition(":")
    if not (key and found and secret):
        raise ValueError(f"{KEYS_VARIABLE} is not key:secret pairs separated by commas")
    return key, secret


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finauth_eval.sandbox",
        description="A local server with the wire format of FinAuth's anti_deepfake. Its weak reference detector "
        "says nothing about FinAuth.",
    )
    parser.add_argument("--port", type=int, default=DEFAULTS.port, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=DEFAULTS.latency_ms)
    parser.add_argument("--concurrency-limit", type=int, default=None)
    parser.add_argument(
        "--fault", default="", help=f"KIND:RATE, KIND@N or KIND@N+, by commas; {', '.join(FAULT_KINDS)}"
    )
    parser.add_argument(
        "--api-version", default=DEFAULTS.api_version, help=f"one of {', '.join(API_VERSIONS)}"
    )
    parser.add_argument(
        "--scorer",
        default=DEFAULTS.scorer,
        help=f"one of {', '.join(get_args(ScorerName))}; hash is for load tests only and reads no picture",
    )
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="of the faults")
    parser.add_argument("--weights", type=Path, default=None, help="the face detector's ONNX file")
    parser.add_argument("--threshold", type=float, default=DEFAULTS.threshold)
    for name in ("allowed-skew-s", "stall-s", "drip-s"):
        parser.add_argument(f"--{name}", type=float, default=getattr(DEFAULTS, name.replace("-", "_")))
    parser.add_argument("--workers", type=int, default=DEFAULTS.workers)
    parser.add_argument("--error-field", default=DEFAULTS.error_field)
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    return parser


def to_arguments(settings: SandboxSettings) -> list[str]:
    """Write settings as arguments that read back as the same settings; keys go by the environment.

    Example:
        >>> settings = SandboxSettings(port=8080, faults=parse_faults("500:0.1,reset@2+"))
        >>> parse_arguments(to_arguments(settings), environment={}) == (settings, False)
        True
    """
    values: dict[str, object] = {
        "port": settings.port,
        "latency-ms": settings.latency_ms,
        "concurrency-limit": settings.concurrency_limit,
        "fault": _write_faults(settings.faults),
        "api-version": settings.api_version,
        "scorer": settings.scorer,
        "seed": settings.seed,
        "weights": settings.weights,
        "threshold": settings.threshold,
        "allowed-skew-s": settings.allowed_skew_s,
        "stall-s": settings.stall_s,
        "drip-s": settings.drip_s,
        "workers": settings.workers,
        "error-field": settings.error_field,
    }
    return [f"--{name}={value}" for name, value in values.items() if value is not None]


def _write_faults(plan: FaultPlan) -> str:
    parts = []
    for rule in plan.rules:
        if rule.first is None:
            parts.append(f"{rule.kind}:{rule.rate!r}")
        else:
            parts.append(f"{rule.kind}@{rule.first}{'+' if rule.last is None else ''}")
    return ",".join(parts)
