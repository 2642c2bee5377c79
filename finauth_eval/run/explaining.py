"""Why a file would be answered from the cache, or not."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from finauth_eval.errors import InputError
from finauth_eval.media import inspect_media, media_type_of_name
from finauth_eval.run.endpoint import API_VERSION, Endpoint
from finauth_eval.run.entries import Answer, Problem, SendRecord, examined, outcome_word
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import StoreReader

__all__ = ["Explanation", "explain", "question_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether a question would be answered from the cache, and why not.

    Attributes:
        question: What would be asked.
        hit: The stored answer, or ``None``.
        others: Answers for the same content to other questions.
        unusable: Why the answer that is stored for this very question can't be used, or ``None``.
        refused: Other entries of this question or content that are there and can't be used.
        sends: Sends of this very question that are on record without an answer.
    """

    question: Question
    hit: Stored | None
    unusable: str | None
    others: tuple[Answer, ...]
    refused: tuple[Problem, ...]
    sends: tuple[SendRecord, ...]

    def differences(self, other: Answer) -> tuple[str, ...]:
        """The parts of the question in which another answer's question differs."""
        return tuple(
            part.name
            for part in fields(Question)
            if getattr(other.question, part.name) != getattr(self.question, part.name)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": "finauth-eval/cache-explanation/1",
            "hit": self.hit is not None,
            "key": self.question.key,
            "question": asdict(self.question),
            "answer": None if self.hit is None else _answer_dict(self.hit),
            "others": [
                {"question": asdict(each.question), "differs_in": list(self.differences(each)),
                 "answer": _answer_dict(each.stored)}
                for each in self.others
            ],
            "unusable": self.unusable,
            "refused": [asdict(problem) for problem in self.refused],
            "sends_without_answer": [asdict(send) for send in self.sends],
        }  # fmt: skip


def question_of(path: Path, *, endpoint: Endpoint, campaign: str, replicate: int) -> Question:
    """What a run would ask for this file.

    Raises:
        InputError: It can't be sent.
    """
    real = Path(os.path.realpath(path))
    file = inspect_media(real, root=real.parent)
    if file.sha256 is None or file.size is None:
        raise InputError(f"{path}: {file.problem}: {file.detail}; it would not be sent")
    return Question(
        sha256=file.sha256,
        size=file.size,
        media_type=file.media_type or media_type_of_name(path),
        endpoint=endpoint.name,
        api_version=API_VERSION,
        campaign=campaign,
        replicate=replicate,
    )


def explain(store: StoreReader, question: Question) -> Explanation:
    """Whether a question would be answered from the cache, and what stands near it.

    Raises:
        StoreError: The cache can't be read.
    """
    hit, unusable = None, None
    others, refused, sends = list[Answer](), list[Problem](), list[SendRecord]()
    for entry in store.entries(about=question):
        for found in examined([entry]):
            match found:
                case Answer(question=asked) if asked == question:
                    hit = found.stored
                case Answer(question=asked) if asked.sha256 == question.sha256:
                    others.append(found)
                case SendRecord() if found.key == question.key:
                    sends.append(found)
                case Problem() if entry.name == f"answer/{question.key}":
                    unusable = found.reason
                case Problem():
                    refused.append(found)
    return Explanation(
        question=question,
        hit=hit,
        unusable=unusable,
        others=tuple(others),
        refused=tuple(refused),
        sends=tuple(sends),
    )


def _answer_dict(stored: Stored) -> dict[str, Any]:
    return {"outcome": outcome_word(stored.outcome), **asdict(stored.outcome), "attempts": stored.attempts,
            "key_fingerprint": stored.key_fingerprint}  # fmt: skip
