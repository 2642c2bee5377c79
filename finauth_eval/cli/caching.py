"""Commands about the answers on disk: cache stats, explain, verify, export, import, prune."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finauth_eval.cli.application import cache_app
from finauth_eval.cli.options import Json
from finauth_eval.cli.output import printable, say, write_json
from finauth_eval.errors import InputError, StoreError

if TYPE_CHECKING:
    from finauth_eval.run.explaining import Explanation
    from finauth_eval.run.pruning import Pruning
    from finauth_eval.run.records import Stored
    from finauth_eval.run.upkeep import CacheStats

CacheFolder = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the answers.")]
EndpointName = Annotated[
    str | None,
    typer.Option(metavar="N", help="What the cache knows the endpoint by: sgp, idn, its URL or a name."),
]
_HERE = Path(".finauth-cache")


@cache_app.command("stats")
def cache_stats(cache: CacheFolder = _HERE, json_file: Json = None) -> None:
    """Count what is there, by endpoint, campaign and outcome."""
    from finauth_eval.run.store import read_store
    from finauth_eval.run.upkeep import measure

    with read_store(cache) as store:
        stats = measure(store)
    write_json(json_file, stats.to_dict())
    if json_file != "-":
        _print(_stats_lines(stats))


@cache_app.command("explain")
def cache_explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A picture or a video.")],
    region: Annotated[str | None, typer.Option(help="sgp (Singapore) or idn (Indonesia).")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another address, such as a sandbox's.")
    ] = None,
    endpoint_name: EndpointName = None,
    campaign: Annotated[str, typer.Option(help="The campaign that a run would be of.")] = "default",
    replicate: Annotated[int, typer.Option(min=0, metavar="N", help="Number of the replicate, from 0.")] = 0,
    cache: CacheFolder = _HERE,
    json_file: Json = None,
) -> None:
    """Say whether a file would be answered from the cache, and why not."""
    from finauth_eval.run.endpoint import REGIONS, resolve_endpoint
    from finauth_eval.run.explaining import explain, question_of
    from finauth_eval.run.store import read_store

    where = region or endpoint
    if where is None or (region is not None and endpoint is not None):
        raise InputError("expected one of --region (sgp or idn) and --endpoint URL")
    if region is not None and region not in REGIONS:
        raise InputError(f"--region is {region!r}; expected {' or '.join(REGIONS)}")
    asked = resolve_endpoint(where, name=endpoint_name)
    question = question_of(file, endpoint=asked, campaign=campaign, replicate=replicate)
    with read_store(cache) as store:
        found = explain(store, question)
    write_json(json_file, {**found.to_dict(), "file": str(file)})
    if json_file != "-":
        _print(_explanation_lines(file, found))


@cache_app.command("verify")
def cache_verify(cache: CacheFolder = _HERE, json_file: Json = None) -> None:
    """Check the database and every entry in it; exit 6 when something is wrong."""
    from finauth_eval.run.store import read_store
    from finauth_eval.run.upkeep import verify

    with read_store(cache) as store:
        result = verify(store)
    write_json(json_file, result.to_dict())
    if json_file != "-":
        _print(f"{problem.entry}: {problem.reason}" for problem in result.problems)
        _print([f"{result.answers} answers and {result.sends} records of sends are sound"])
    if result.problems:
        raise StoreError(
            f"the cache {cache} has {len(result.problems)} problems; what can't be read is not used"
        )


@cache_app.command("export")
def cache_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .parquet or .jsonl file.")],
    endpoint_name: EndpointName = None,
    campaign: Annotated[str | None, typer.Option(help="Only the answers of this campaign.")] = None,
    cache: CacheFolder = _HERE,
) -> None:
    """Write the answers to a file that anybody can read, one row each."""
    from finauth_eval.run.exchange import export_answers
    from finauth_eval.run.store import read_store

    with read_store(cache) as store:
        done = export_answers(store, file, endpoint_name=endpoint_name, campaign=campaign)
    _print([f"{done.answers} answers: {file}"])
    if done.unusable:
        say(
            f"finauth-eval: {done.unusable} entries can't be used and were left out; 'cache verify' lists them"
        )


@cache_app.command("import")
def cache_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="From cache export.")],
    keep: Annotated[
        Literal["existing"] | None,
        typer.Option(help="Where the cache has another outcome: keep the cache's instead of refusing."),
    ] = None,
    cache: CacheFolder = _HERE,
) -> None:
    """Add the answers of an exported file, all or none."""
    from finauth_eval.run.exchange import import_answers, read_answers
    from finauth_eval.run.store import open_store

    answers = read_answers(file)
    with open_store(cache) as store:
        done = import_answers(store, answers, keep_existing=keep == "existing")
    _print([f"{done.added} answers added, {done.same} were there already"])
    if done.replaced:
        _print([f"{done.replaced} entries that could not be used were replaced"])
    if done.kept:
        _print([f"{done.kept} with another outcome in the cache were left as they are there"])


@cache_app.command("prune")
def cache_prune(
    endpoint_name: EndpointName = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Only answers received longer ago.")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Only this outcome: scored, or a reason such as no_face_found."),
    ] = None,
    cache: CacheFolder = _HERE,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; without it they are only counted.")
    ] = False,
) -> None:
    """Forget the answers that match all filters; a run would pay for them again."""
    from datetime import UTC, datetime

    from finauth_eval.run.pruning import PruneFilter, find_prunable
    from finauth_eval.run.store import open_store, read_store, require_store

    wanted = PruneFilter(endpoint_name=endpoint_name, older_than_days=older_than, outcome=outcome)
    now = datetime.now(UTC)
    if not yes:
        with read_store(cache) as store:
            found = find_prunable(store, wanted, now=now)
        _print([*_pruning_lines(found), f"{len(found.keys)} answers would be removed; --yes removes them"])
        return
    require_store(cache)
    with open_store(cache) as opened:
        found = find_prunable(opened, wanted, now=now)
        opened.remove_answers(found.keys)
    _print([*_pruning_lines(found), f"{len(found.keys)} answers removed"])


def _print(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        typer.echo(printable(line.replace("\n", "\\n")))


def _stats_lines(stats: CacheStats) -> Iterator[str]:
    yield f"{stats.folder}: {stats.answers} answers, {stats.size_bytes / 1e6:.1f} MB"
    for one in stats.campaigns:
        yield f"endpoint {one.endpoint}, campaign {one.campaign}"
        yield f"  {one.answers} answers: {_counted({'scored': one.scored, **one.no_response})}"
        if one.oldest:
            yield f"  from {one.oldest} to {one.newest}"
        if one.possibly_billed:
            yield f"  {one.possibly_billed} sends possibly billed without an answer, {one.open_sends} of them open"
    for n, words in (
        (stats.unreadable_sends, "records of sends can't be read; they count as possibly billed"),
        (stats.unusable_answers, "answers can't be used"),
        (stats.not_ours, "entries are not of this tool"),
    ):
        if n:
            yield f"{n} {words}"
    if stats.unusable_answers or stats.not_ours or stats.unreadable_sends:
        yield "'cache verify' lists them"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "none"


def _explanation_lines(file: Path, found: Explanation) -> Iterator[str]:
    asked = found.question
    yield f"{file}: {asked.media_type}, {asked.size} bytes, sha256 {asked.sha256}"
    yield (
        f"asked of endpoint {asked.endpoint}, API {asked.api_version}, campaign {asked.campaign}, replicate"
        f" {asked.replicate}: key {asked.key[:12]}…"
    )
    yield f"hit: {_outcome(found.hit)}" if found.hit else "miss: " + _miss(found)
    for problem in found.refused:
        yield f"  not used: {problem.entry}: {problem.reason}"
    for other in found.others:
        parts = ", ".join(f"{name} {getattr(other.question, name)}" for name in found.differences(other))
        yield f"  same content under {parts}: {_outcome(other.stored)}"
    for send in found.sends:
        when = f" ({send.at})" if send.at else ""
        yield f"  a send without an answer is on record{when}: {send.reason}; possibly billed"


def _miss(found: Explanation) -> str:
    if found.unusable is not None:
        return f"an answer is stored, but it can't be used: {found.unusable}"
    if found.others:
        return "this content was answered, but to another question"
    if found.sends:
        return "this content was sent, but no answer is stored"
    return "nothing is stored for these bytes"


def _outcome(stored: Stored) -> str:
    from finauth_eval.detection import Detection

    outcome = stored.outcome
    what = f"score {outcome.score:g}" if isinstance(outcome, Detection) else f"no response, {outcome.reason}"
    attempts = f"{stored.attempts} attempt{'s' if stored.attempts > 1 else ''}"
    return f"{what}, received {outcome.received_at or 'at an unknown time'}, {attempts}"


def _pruning_lines(found: Pruning) -> Iterator[str]:
    for (endpoint, campaign, word), n in found.counts.items():
        yield f"endpoint {endpoint}, campaign {campaign}: {n} {word}"
    if found.unusable:
        yield f"{found.unusable} entries that can't be used stay; 'cache verify' lists them"
