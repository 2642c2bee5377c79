"""Which pictures and clips there are to be, before any of them is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from finauth_eval.demo.people import ROOMS, Part, Person, donors_of, people_of

__all__ = ["DEMO_PICTURES", "Item", "plan_clips", "plan_people", "plan_pictures", "plan_rooms"]

# pictures a person: of a real one by what is done to it, of a generated one as it is
DEMO_PICTURES: Mapping[str, int] = {
    "bona_fide": 5,
    "face_swap": 4,
    "self_blend": 3,
    "lowres_decode": 2,
    "replay": 2,
    "ai_generated": 12,
}
EVALUATED: Part = "demo"
FORGED_CLIPS = ("face_swap", "self_blend", "lowres_decode", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture or clip to be made.

    Attributes:
        id: Its name, which everything random about it depends on.
        kind: ``bona_fide``, or the attack type.
        subject: Whose picture it is.
        donor: Whose face is put on the subject's; None for anything but a face swap.
        index: Number among the subject's items of this kind, from 0.
        media_type: ``image`` or ``video``.
    """

    id: str
    kind: str
    subject: Person
    donor: Person | None
    index: int
    media_type: Literal["image", "video"]

    @property
    def path(self) -> str:
        """Path relative to the manifest."""
        return f"clips/{self.id}.mp4" if self.media_type == "video" else f"images/{self.id}.jpg"


def plan_pictures() -> list[Item]:
    """Return the demo's pictures: 75 bona fide, 225 attacks of five types, and 3 rooms."""
    return [*plan_people(EVALUATED, counts=DEMO_PICTURES), *plan_rooms()]


def plan_people(*parts: Part, counts: Mapping[str, int]) -> Iterator[Item]:
    """Plan the pictures of the people of some parts.

    Args:
        parts: Whose pictures.
        counts: Pictures a person, by kind; ``ai_generated`` counts for the generated persons, the rest for the
            real ones.
    """
    for person in people_of(*parts, is_real=True):
        for kind, count in counts.items():
            if kind != "ai_generated":
                yield from (_item(person, kind, index) for index in range(count))
    for person in people_of(*parts, is_real=False):
        yield from (_item(person, "ai_generated", index) for index in range(counts["ai_generated"]))


def plan_rooms() -> Iterator[Item]:
    """Plan three pictures that nobody is in."""
    return (_item(room, "bona_fide", 0) for room in ROOMS[:3])


def plan_clips() -> list[Item]:
    """Return the demo's 30 clips: a genuine one of each real person, 14 forged ones, and one of a room."""
    real = people_of(EVALUATED, is_real=True)
    generated = people_of(EVALUATED, is_real=False)
    genuine = [_item(person, "bona_fide", 0, "video") for person in real]
    # steps of four over fifteen persons meet nine of them
    forged = [_item(real[step * 4 % len(real)], FORGED_CLIPS[step % 4], step, "video") for step in range(9)]
    made_up = [_item(person, "ai_generated", 0, "video") for person in generated]
    return [*genuine, *forged, *made_up, _item(ROOMS[3], "bona_fide", 0, "video")]


def _item(subject: Person, kind: str, index: int, media_type: Literal["image", "video"] = "image") -> Item:
    donors = donors_of(subject)
    donor = donors[index % len(donors)] if kind == "face_swap" else None
    name = f"{subject.id}-{kind}-{index + 1}" + ("-clip" if media_type == "video" else "")
    return Item(id=name, kind=kind, subject=subject, donor=donor, index=index, media_type=media_type)
