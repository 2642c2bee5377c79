"""Who is in the demo: 27 real persons, 10 generated ones, 4 rooms, and the part that each of them plays.

A person stands in exactly one part. The reference detector is trained on the ``training`` persons alone; what the
demo evaluates are the ``demo`` persons, whom the detector has never seen. Only generated persons are donors of a face
swap, so that no real person wears another's face, and a donor stays in its own part. Fifteen real persons are too few
to be split once more: a promise about blocked customers needs fourteen to be worth reading.

The dashboards' pictures are stock photographs in packages under the MIT licence that do not name the
photographers; the licence column repeats what each package declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PEOPLE", "ROOMS", "Part", "Person", "SourcePicture", "donors_of", "people_of"]

Part = Literal["training", "demo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePicture:
    """A member of a pinned archive.

    Attributes:
        package: Name of the package, a key of ``sources.PACKAGES``.
        member: Path inside the archive, or inside the installed package.
        sha256: What its bytes hash to.
    """

    package: str
    member: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A subject: a real person, a generated one, or a room that nobody is in.

    Attributes:
        id: Name of the subject in the manifest.
        part: The one part that it plays.
        is_real: False for a generated person.
        pictures: Where it is to be seen.
    """

    id: str
    part: Part
    is_real: bool
    pictures: tuple[SourcePicture, ...]

    @property
    def package(self) -> str:
        """The package that all its pictures come from."""
        return self.pictures[0].package


def _real(number: int, part: Part, package: str, member: str, sha256: str) -> Person:
    picture = SourcePicture(package=package, member=member, sha256=sha256)
    return Person(id=f"real-{number:02d}", part=part, is_real=True, pictures=(picture,))


def _synthetic(number: int, part: Part, hashes: list[str]) -> Person:
    names = ("amateur_selfie", "studio_portrait", "amateur_posture", "studio_posture")
    folder = f"openpeople/data/curated/P{number:03d}/assets"
    pictures = tuple(
        SourcePicture(package="openpeople", member=f"{folder}/{name}.jpg", sha256=sha256)
        for name, sha256 in zip(names, hashes, strict=True)
    )
    return Person(id=f"P{number:03d}", part=part, is_real=False, pictures=pictures)


def _room(number: int, part: Part, package: str, member: str, sha256: str) -> Person:
    picture = SourcePicture(package=package, member=member, sha256=sha256)
    return Person(id=f"room-{number}", part=part, is_real=True, pictures=(picture,))


PEOPLE: tuple[Person, ...] = (
    _real(
        1,
        "demo",
        "scikit-image",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    _real(
        2,
        "demo",
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    ),
    _real(
        3,
        "training",
        "mahotas",
        "mahotas/demos/data/luispedro.jpg",
        "27e7af47501a4e9a06e4d8bd8b834bd773fe7b187baef2f47e120c663524bed1",
    ),
    _real(
        4,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/bruce-mars.jpg",
        "1785e31719d6ea11f2d8dcafc4d9e4ab52527c26961f7d772bff25bbe63363f7",
    ),
    _real(
        5,
        "training",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/ivana-square.jpg",
        "4f2ca50d3c98b052a9f55c83ba55227b83fd8245cec4512a478688da2933aaf6",
    ),
    _real(
        6,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/kal-visuals-square.jpg",
        "2f3df24b8102a35fdaa03b25698e992575aa19708af2ac3551f9a86d96b1e60c",
    ),
    _real(
        7,
        "training",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/marie.jpg",
        "21329175be171b7448854b73fdd9abedfe88dffcfd0c38087e7466c1fe846dcb",
    ),
    _real(
        8,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/team-1.jpg",
        "941425c358be60bb27b7cf8f35fce31664b49519afeb5c595461a63e0fa30d1f",
    ),
    _real(
        9,
        "training",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/team-2.jpg",
        "d149865cd26cff9254c92817f5bef3d9b3951a31330e2a028fff0231a3cf96d3",
    ),
    _real(
        10,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/team-3.jpg",
        "185e38699008cef30e1324663622eedd546a7ed4a45513ec7c6c9fcbe4708266",
    ),
    _real(
        11,
        "training",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/team-4.jpg",
        "de45d84282a30ca4537b00a395c22efe13f5964bf21666420ac2f0f14e37c5b5",
    ),
    _real(
        12,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/bruce-mars.jpg",
        "f4e2d5cae628a371b525fe25a509bec571f708aadc0fd95e5bf899ba49bd4bd2",
    ),
    _real(
        13,
        "training",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/ivana-square.jpg",
        "d5f3cb139b2d96b62db5cb06dc6ae80b8335c29be8fb7bc6f528542f7ba43290",
    ),
    _real(
        14,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/ivana-squares.jpg",
        "7a21484ae1b79965ed8fa0f0639884c85df14fab876d922cf7288339f8f4f5f7",
    ),
    _real(
        15,
        "training",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/kal-visuals-square.jpg",
        "ea4080fac10e4ff31932cce167c4c6c5515635d9a94357893784421aa63282e0",
    ),
    _real(
        16,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/marie.jpg",
        "a52c39241eb2f86fe951e42b9e0048cc359df15bab91d08c22b9d9f1301d0f66",
    ),
    _real(
        17,
        "training",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/team-1.jpg",
        "c59024a17814b935fc9aa1b1d1d31f4ec8d18172ef43c2ec48c063e342e74219",
    ),
    _real(
        18,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/team-2.jpg",
        "f56f4d18a3f2362c3cd47a448555c27dd13b62af3b8b6d939fb1944bbebc6693",
    ),
    _real(
        19,
        "training",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/team-3.jpg",
        "a7ecd7c8f8f2f79d996a84121e85775089e66dee0c9b1532d99af525d0427ba2",
    ),
    _real(
        20,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/team-4.jpg",
        "5bff9832619d713f4608b3e6e5536919a7d0c66aa8db757c0f1046a925f3b03e",
    ),
    _real(
        21,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/team-5.jpg",
        "913bf21f6618557e3d7d91ca4349a6783efd442985358bf68a344049759f915f",
    ),
    _real(
        22,
        "demo",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-1.jpg",
        "7062269faa8d4b417974c6f857a210d8a1284baec20daaeeef7d6f5aeb7686a3",
    ),
    _real(
        23,
        "training",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-2.jpg",
        "8fd5caa2673ab7da4c56acceb972be51cdcfa6bec289de75f87ad12a8b495a79",
    ),
    _real(
        24,
        "demo",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-3.jpg",
        "e17e60dae2f34019b691f8d22513fcb856dede259695a3133f646555d4e0a3a6",
    ),
    _real(
        25,
        "training",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-4.jpg",
        "c208861b5396beb7195af79bdfd5445a0bf49b600f645a9b16409a2a96cc6144",
    ),
    _real(
        26,
        "demo",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-5.jpg",
        "06d7a9f9e2623b866e5cdc6a890e9f038a23553dc0e1c72957c4d3d7a34b962e",
    ),
    _real(
        27,
        "training",
        "django-admin-volt",
        "django-admin-volt-1.0.17/admin_volt/static/assets/img/team/profile-picture-6.jpg",
        "2e76e76a31368a8460e083b89cbbc4cf66cf8a6d033a374eaaa7cc5f10b6adcf",
    ),
    _synthetic(
        1,
        "training",
        [
            "ba735d52e7d6e6747d1cd387846ca6a5506fbbe6abb7ce746b23fd72f5963d94",
            "5cd706f1057465b75f6038688b640d5b35770b9849b8bb7b03bf3222314e4b4c",
            "97375cb1c1cc5b6c365103eb1bef0f32597ffdff4d250c3fb6f5e44c271c64f7",
            "9d6ca609b4e61283657c56c3a529f85ec58f190f17644a75f521a902e0d8be48",
        ],
    ),
    _synthetic(
        2,
        "training",
        [
            "0bb97e5194bfdbf82e7796b1360ebbdb72db6d647239d4de52770fbc4bb5f575",
            "93d17cce0ecd80af3161998c09845c67e82e0dac386e2622fe9a6aad0ee9711a",
            "f2c788a8e6afc268403963c81434772fd532887dcc49b50668a34347e4a0665d",
            "d853a4e60a651d441276e91fcc22ec03cf8f2abd20c44cf10a5e2c3d3e2061d1",
        ],
    ),
    _synthetic(
        3,
        "training",
        [
            "afe1232d204c78d09a686e05cc3ce127a70af0298f5da3edd4a57df44f294ec6",
            "a291ffffea8973ab24abf0aa51b7210ea7a7388c101710f577c65485e64fe92c",
            "40c9d2722fc1716540c9df6e11b094ddf3a77b650c24125f0bcf538645445e67",
            "798f586f7b527d9e3547ea9b4d5969c5318677705ed81d92b55c038fbdd3d4f8",
        ],
    ),
    _synthetic(
        4,
        "training",
        [
            "d53d407053a6685f420e565fdff6c1dac1891fe98e8e6696123a1ef627832b1f",
            "c4901138c7bb834df1aa35b632a4b7527e69fd2ebc1b940be0c436481de4171a",
            "03e88396ff7a27915259c995f2043f2d8ee736aad8a4e93be8356fb196dd50a3",
            "fc95c86a409197175dbdcf52c5a8e97d37096ba1745349ad4dde1e8b47b6092c",
        ],
    ),
    _synthetic(
        5,
        "training",
        [
            "7ee3010da303fb530e23a49bec856eb3b8cbb033094051f404e89b809e2f101f",
            "a28a57984e58413ad334c2ab9f1403903d1e17737e89319de5fc937062d4735c",
            "7c58289a927633de8498c2bfbeadf821ddca8c3856db1114cf5de6b3371c8850",
            "2a2d508550b5c226dd0f72a18ae5c2395ec7582614c3e3e10ca17175c011b82e",
        ],
    ),
    _synthetic(
        6,
        "demo",
        [
            "a0c7159641d50448514fc43e8503dd76951c6f2c3a6e8f920dc5e48a9366b04f",
            "4984a75a1f8d5c7d3c91216cba511b49e67bb2773e3ae176a8f7b844dabeecd9",
            "bf16030e03e049b8808c81316fb260c3c6b68c002ceac9b82ab0f713dfd7e961",
            "c6d810333e8a1dcc223cc1fa84cc17c689cc4eed46c17246d3ae20c71bc571ff",
        ],
    ),
    _synthetic(
        7,
        "demo",
        [
            "7092be65a59ceec2c31b444164bb88c01116e6795cddd89ec2fe5dc9623bac53",
            "385d036e3231c2573d129d5dc3f5ff8a15dc67842a0790d5e230d9b8cabb78e6",
            "c2515752b6a36a10623bbee47aec0015b83529607a3e05c3b43b6fa20dd6ee28",
            "b1656779268d438014dd89e497e0d14b93a2d4dae94c292bc3b4dc969ffa692a",
        ],
    ),
    _synthetic(
        8,
        "demo",
        [
            "492834fc36a2f43b98071311f36502409df5f3dab1a1bda67d59b452ff7dbccc",
            "d10f2e3796f5c9a42ed87207a3b510f5559c5de7c7464328854f839011c7deca",
            "a623dcb1d90e291d7f458e3693d85b2506dccce9eba7aa059cb5cd39e3fc4555",
            "ac4c783981b656962f43e659ba15a91c3c6b261ed316518234bf2292771857ea",
        ],
    ),
    _synthetic(
        9,
        "demo",
        [
            "a054e606a679b94fc8817bf113deafa68b6bdd3d7078c1005f0e1cb7e5b8d8ab",
            "62b0945fd76e348f2efb497097c72d5c4e19ef8d529745bc1b51dd8d06c7e7d3",
            "db0eb3f818757a6ca0490f3a91d681d9a609ce62a112dcf006d025fcec346ccb",
            "12f84ef8f8a871c8a8f872ebe13ecc09b9aacb9bacdbea57e2480b834eaa3157",
        ],
    ),
    _synthetic(
        10,
        "demo",
        [
            "aa898df81613d90ffdad6684f31dedc81d8d1b86934d78ad2917f6cdd27f7430",
            "57b7e6d21272a5f468ee176fd4acb5c89f5949a945e5174fe12c81483246cc99",
            "92c72ae37c87cdbaaddb188920dd6ace808e314207e2e2ee9a0460d4b6f8f550",
            "1dcff664ed64c2f68920a6a243ff10799c58779d3193627449f5622446dd6303",
        ],
    ),
)

ROOMS: tuple[Person, ...] = (
    _room(
        1,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/home-decor-2.jpg",
        "4661129cbe0313761f157d813baf25efd0af0864d6cba988384c4b7656364eb8",
    ),
    _room(
        2,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/home-decor-3.jpg",
        "ebed708c6891a385360890ce4ec56b93f516db74fdb96c75aad54f853d412c28",
    ),
    _room(
        3,
        "demo",
        "django-admin-material-dashboard",
        "django-admin-material-dashboard-1.0.22/admin_material/static/assets/img/bg-smart-home-1.jpg",
        "3d0af365829c02a8577153a207905211615d8e89d958778cefffecef721eda23",
    ),
    _room(
        4,
        "demo",
        "django-admin-soft-dashboard",
        "django-admin-soft-dashboard-1.0.26/admin_soft/static/assets/img/vr-bg.jpg",
        "59477008e018b08b994d3d9b959d8b409574d4a23e6580dc1891d63e5544af8d",
    ),
)


def people_of(*parts: Part, is_real: bool) -> list[Person]:
    """Return the real or the generated persons of some parts, in the table's order.

    Example:
        >>> len(people_of("training", is_real=True)), len(people_of("demo", is_real=True))
        (12, 15)
    """
    return [person for person in PEOPLE if person.part in parts and person.is_real == is_real]


def donors_of(person: Person) -> list[Person]:
    """Return who may lend a face to a person: the generated persons of the same part.

    Example:
        >>> [donor.id for donor in donors_of(people_of("demo", is_real=True)[0])]
        ['P006', 'P007', 'P008', 'P009', 'P010']
    """
    return people_of(person.part, is_real=False)
