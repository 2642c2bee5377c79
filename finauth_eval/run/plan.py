"""What a run would ask, what it knows already, and what that leaves to send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from finauth_eval.dataset import Dataset, Sample
from finauth_eval.detection import Kind, NoResponse
from finauth_eval.run.endpoint import API_VERSION, Endpoint
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import Store

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run before its first send.

    Attributes:
        dataset: What is to be scored.
        questions: One for each content that can be sent and each replicate, in the order of first appearance and all
            contents before the next replicate; its key is the store's.
        sources: For each key the samples that hold this content, in the dataset's order.
        known: The stored answers.
        rejected: Stored answers that could not be used, and why.
        held: Contents that were sent before without an answer being seen, where such are not to be sent again.
    """

    dataset: Dataset
    questions: Mapping[str, Question]
    sources: Mapping[str, Sequence[Sample]]
    known: Mapping[str, Stored]
    rejected: Sequence[str]
    held: Mapping[str, Stored] = field(default_factory=dict)

    @property
    def contents(self) -> dict[str, Sequence[Sample]]:
        """The samples of each content, by the key of its first question."""
        return {key: self.sources[key] for key, question in self.questions.items() if not question.replicate}

    @property
    def misses(self) -> list[str]:
        """Keys without a stored answer, in order: the calls that a run would make if nothing fails."""
        return [key for key in self.questions if key not in self.known and key not in self.held]

    def holding_back(self, sends: Iterable[Mapping[str, Any]]) -> Plan:
        """The plan without the contents of these sends that have no answer: nobody knows if they were billed."""
        lost = [send for send in sends if send["reason"] in ("ambiguous", "no_answer_seen")]
        held = {
            send["key"]: Stored(
                outcome=NoResponse(
                    kind=Kind.AMBIGUOUS, reason="ambiguous", detail="sent earlier, no answer seen"
                ),
                attempts=1,
                key_fingerprint="",
            )
            for send in lost
            if send["key"] in self.questions and send["key"] not in self.known
        }
        return replace(self, held=held)


def make_plan(
    dataset: Dataset, store: Store, *, endpoint: Endpoint, campaign: str, replicates: int = 1
) -> Plan:
    """Group the samples by content and look up what is known.

    Args:
        dataset: What is to be scored.
        store: The open cache.
        endpoint: Who is asked.
        campaign: The campaign that answers belong to.
        replicates: How often each content is asked, at least 1.
    """
    questions: dict[str, Question] = {}
    sources: dict[str, list[Sample]] = {}
    for replicate in range(replicates):
        for sample in dataset.samples:
            if sample.sha256 is None or sample.size is None:
                continue
            question = Question(
                sha256=sample.sha256,
                size=sample.size,
                media_type=sample.media_type,
                endpoint=endpoint.name,
                api_version=API_VERSION,
                campaign=campaign,
                replicate=replicate,
            )
            key = question.key
            questions[key] = question
            sources.setdefault(key, []).append(sample)
    known, rejected = store.answers(questions)
    return Plan(dataset=dataset, questions=questions, sources=sources, known=known, rejected=rejected)
