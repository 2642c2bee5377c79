"""What a cache holds, and whether it is whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from finauth_eval.detection import Detection
from finauth_eval.errors import StoreError
from finauth_eval.run.entries import Answer, Problem, SendRecord, examined, outcome_word, received
from finauth_eval.run.records import Stored
from finauth_eval.run.store import StoreReader

__all__ = ["CacheStats", "CampaignStats", "Verification", "measure", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStats:
    """The answers of one endpoint in one campaign.

    Attributes:
        endpoint, campaign: Names.
        scored: Answers with a score.
        no_response: Final answers without one, by reason.
        oldest, newest: When the first and the last of them came, ISO 8601; ``None`` where none says when.
        open_sends: Sends whose end nobody recorded.
        possibly_billed: All sends that may have been billed without an answer, the open ones among them.
    """

    endpoint: str
    campaign: str
    scored: int
    no_response: Mapping[str, int]
    oldest: str | None
    newest: str | None
    open_sends: int
    possibly_billed: int

    @property
    def answers(self) -> int:
        """All that a run would not have to ask."""
        return self.scored + sum(self.no_response.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What a cache holds.

    Attributes:
        folder: Where.
        size_bytes: The database's files on disk.
        campaigns: By endpoint and campaign.
        not_ours: Entries that this tool did not write.
        unusable_answers: Answers that were edited or damaged; they are not used.
        unreadable_sends: Records of sends that can't be read, each counted as possibly billed in every campaign.
    """

    folder: str
    size_bytes: int
    campaigns: tuple[CampaignStats, ...]
    not_ours: int
    unusable_answers: int
    unreadable_sends: int

    @property
    def answers(self) -> int:
        """All answers that can be used."""
        return sum(campaign.answers for campaign in self.campaigns)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        campaigns = [{**asdict(one), "answers": one.answers} for one in self.campaigns]
        return {
            "schema": "finauth-eval/cache-stats/1",
            **asdict(self),
            "answers": self.answers,
            "open_sends": sum(one.open_sends for one in self.campaigns),
            "possibly_billed": sum(one.possibly_billed for one in self.campaigns) + self.unreadable_sends,
            "campaigns": campaigns,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether a cache is whole: how many answers and records of sends are sound, and everything that is not."""

    folder: str
    answers: int
    sends: int
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"schema": "finauth-eval/cache-verification/1", **asdict(self), "ok": not self.problems}


def measure(store: StoreReader) -> CacheStats:
    """Count what is there.

    Raises:
        StoreError: The cache can't be read.
    """
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    problems: Counter[str] = Counter()
    unreadable = 0
    for found in examined(store.entries()):
        match found:
            case Answer(question=asked):
                groups[asked.endpoint, asked.campaign].add(found.stored)
            case SendRecord(endpoint=str(endpoint), campaign=str(campaign)):
                groups[endpoint, campaign].sends[found.open] += 1
            case SendRecord():
                unreadable += 1
            case Problem():
                problems[found.kind] += 1
    try:
        size = sum(file.stat().st_size for file in store.folder.glob("cache.db*"))
    except OSError as error:
        raise StoreError(f"the cache {store.folder} can't be read: {error}") from error
    return CacheStats(
        folder=str(store.folder),
        size_bytes=size,
        campaigns=tuple(group.stats(*names) for names, group in sorted(groups.items())),
        not_ours=problems["not_ours"],
        unusable_answers=problems["answer"],
        unreadable_sends=unreadable,
    )


def verify(store: StoreReader) -> Verification:
    """Check the database and every entry in it.

    Raises:
        StoreError: It is no database, or damaged so much that it can't be looked at.
    """
    problems = [Problem(kind="database", entry="cache.db", reason=line) for line in store.damages()]
    counts: Counter[type] = Counter()
    try:
        for found in examined(store.entries()):
            counts[type(found)] += 1
            if isinstance(found, Problem):
                problems.append(found)
    except StoreError as error:
        problems.append(Problem(kind="database", entry="cache.db", reason=str(error)))
    return Verification(
        folder=str(store.folder),
        answers=counts[Answer],
        sends=counts[SendRecord] - sum(problem.kind == "send" for problem in problems),
        problems=tuple(problems),
    )


@dataclass(slots=True, kw_only=True)
class _Group:
    outcomes: Counter[str] = field(default_factory=Counter)
    scored: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    sends: Counter[bool] = field(default_factory=Counter)

    def add(self, stored: Stored) -> None:
        if isinstance(stored.outcome, Detection):
            self.scored += 1
        else:
            self.outcomes[outcome_word(stored.outcome)] += 1
        at = received(stored.outcome)
        if at is not None:
            self.oldest = at if self.oldest is None else min(at, self.oldest)
            self.newest = at if self.newest is None else max(at, self.newest)

    def stats(self, endpoint: str, campaign: str) -> CampaignStats:
        return CampaignStats(
            endpoint=endpoint,
            campaign=campaign,
            scored=self.scored,
            no_response=dict(sorted(self.outcomes.items())),
            oldest=self.oldest.isoformat() if self.oldest else None,
            newest=self.newest.isoformat() if self.newest else None,
            open_sends=self.sends[True],
            possibly_billed=self.sends.total(),
        )
