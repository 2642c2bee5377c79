"""The plan keeps the promises that an honest evaluation rests on, before a picture is made."""

from __future__ import annotations

from collections import Counter

from finauth_eval.demo.people import PEOPLE, ROOMS, people_of
from finauth_eval.demo.plan import Item, plan_clips, plan_pictures


def items() -> list[Item]:
    return [*plan_pictures(), *plan_clips()]


def test_there_are_27_real_persons_and_10_generated_ones() -> None:
    assert Counter(person.is_real for person in PEOPLE) == {True: 27, False: 10}
    assert Counter((person.part == "training", person.is_real) for person in PEOPLE) == {
        (True, True): 12,
        (True, False): 5,
        (False, True): 15,
        (False, False): 5,
    }


def test_no_person_and_no_picture_stands_in_the_table_twice() -> None:
    everybody = [*PEOPLE, *ROOMS]
    assert len({person.id for person in everybody}) == len(everybody)
    hashes = [picture.sha256 for person in everybody for picture in person.pictures]
    assert len(set(hashes)) == len(hashes)


def test_training_persons_are_not_in_the_demo_in_any_role() -> None:
    trained_on = {person.id for person in PEOPLE if person.part == "training"}
    seen = {item.subject.id for item in items()} | {item.donor.id for item in items() if item.donor}
    assert not seen & trained_on
    assert len(seen) == 15 + 5 + 4


def test_every_subject_and_every_donor_is_a_person_of_the_demo() -> None:
    for item in items():
        assert item.subject.part == "demo"
        assert item.donor is None or item.donor.part == "demo"


def test_donors_are_generated_persons_and_only_swaps_have_one() -> None:
    for item in items():
        assert (item.donor is not None) == (item.kind == "face_swap")
        assert item.donor is None or not item.donor.is_real


def test_real_persons_are_never_called_generated_and_the_other_way_round() -> None:
    for item in items():
        assert item.subject.is_real == (item.kind != "ai_generated")


def test_the_counts_are_those_that_guarantees_need() -> None:
    pictures = Counter(item.kind for item in plan_pictures() if item.subject not in ROOMS)
    assert pictures == {
        "bona_fide": 75,
        "face_swap": 60,
        "ai_generated": 60,
        "self_blend": 45,
        "lowres_decode": 30,
        "replay": 30,
    }
    people = Counter(item.subject.id for item in plan_pictures() if item.kind == "bona_fide")
    assert sorted(people.values()) == [1] * 3 + [5] * 15
    assert len(plan_clips()) == 30
    assert sum(item.subject in ROOMS for item in plan_clips()) == 1


def test_every_kind_of_attack_is_there_in_both_media_and_every_donor_is_used() -> None:
    kinds = {"bona_fide", "face_swap", "self_blend", "lowres_decode", "replay", "ai_generated"}
    assert {item.kind for item in plan_pictures()} == kinds
    assert {item.kind for item in plan_clips()} == kinds
    assert {item.donor.id for item in items() if item.donor} == {"P006", "P007", "P008", "P009", "P010"}


def test_names_are_unique_and_stay_inside_the_directory() -> None:
    paths = [item.path for item in items()]
    assert len(set(paths)) == len(paths) == 333
    assert all(path.split("/")[0] in {"images", "clips"} and ".." not in path for path in paths)


def test_both_parts_have_people_from_several_packages() -> None:
    for part in ("training", "demo"):
        assert len({person.package for person in people_of(part, is_real=True)}) >= 4
