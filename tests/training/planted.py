"""A network whose subjects are known: four, with six people each who post about nothing else."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.training.encoders.tiny import picture
from training import loop
from training.data.clean import CleanData
from training.features import FeatureTable
from training.interests.landscape import Landscape, survey
from training.materials import Materials, assemble_examples
from training.modalities import PostFeatures
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective
from training.run_config import RunConfig
from training.space import Space

SUBJECTS = {
    "fruit": ("apple", "pear", "orchard"),
    "dogs": ("puppy", "leash", "kennel"),
    "trains": ("engine", "railway", "station"),
    "stars": ("comet", "galaxy", "telescope"),
}
PEOPLE_EACH, POSTS_EACH = 6, 8
FILLER = ("the", "and", "with", "very", "some")
SCRIPT = "<script>alert(1)</script>"
_WIDTH = 16


@dataclass(frozen=True)
class Planted:
    """The network, a space trained on it, and what is where."""

    materials: Materials
    space: Space
    landscape: Landscape

    @property
    def users(self) -> tuple[str, ...]:
        return self.materials.examples.users


def subject_of(user: str) -> str:
    return user.partition("-")[0]


def write_planted(path: Path) -> Path:
    """Posts with words and tags of their author's subject.

    Every eleventh has no image, every thirteenth no text, every ninth is private and says `secret`.
    One post a person has no tags; of each subject one person names it, and one tries markup.
    """
    random = np.random.default_rng(0)
    rows = []
    for subject, words in SUBJECTS.items():
        for person in range(PEOPLE_EACH):
            for post in range(POSTS_EACH):
                number = len(rows)
                said = [*random.choice(words, 2, replace=False), *random.choice(FILLER, 2)]
                private = number % 9 == 0
                said += ["secret"] * private + [SCRIPT] * (person == 5) + [subject] * (person == 4)
                image = picture(number) if number % 11 else None
                rows.append(
                    {
                        "post_id": f"post{number}",
                        "user_id": f"{subject}-{person}",
                        "text": " ".join(said) if image is None or number % 13 else None,
                        "image": image,
                        "tags": [] if post == 3 else [subject, str(random.choice(words))],
                        "category": subject,
                        "private": private,
                    }
                )
    schema = pa.schema(
        [(name, pa.string()) for name in ("post_id", "user_id", "text", "category")]
        + [("image", pa.binary()), ("tags", pa.list_(pa.string())), ("private", pa.bool_())]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


class WordEncoder(torch.nn.Module):
    """Texts as the mean of their words; words of a subject lie near each other."""

    dimension = _WIDTH

    def encode(self, texts) -> torch.Tensor:
        found = [self._text(text) for text in texts]
        return torch.stack(found) if found else torch.zeros(0, _WIDTH)

    def fingerprint(self) -> str:
        return "words"

    def _text(self, text: str) -> torch.Tensor:
        return torch.stack([_word(word) for word in text.split() or [""]]).mean(dim=0)


def plant(data: CleanData, folder: Path) -> Planted:
    """Features by subject and author, and a space that has learned from them."""
    materials = _materials(data)
    examples = materials.examples
    torch.manual_seed(0)
    joint = JointSpace(
        ModelConfig(dimension=24, hidden=16),
        users=len(examples.users),
        image_features=_WIDTH,
        text_features=_WIDTH,
    )
    joint.fit_inputs(examples.features[examples.rows("train")])
    objective = Objective(joint, LossesConfig())
    config = loop.LoopConfig(epochs=8, batch_size=32, learning_rate=3e-3)
    loop.run(loop.begin(objective, config), examples, config, lambda metrics, state: None)
    encoder = WordEncoder()
    space = Space(objective.eval().space, encoder, encoder, examples.users)  # pyright: ignore[reportArgumentType]
    return Planted(materials, space, survey(space, materials, folder))


def _materials(data: CleanData) -> Materials:
    posts = data.posts(["post_id", "user_id", "text", "image_hash", "text_hash"])
    random = np.random.default_rng(1)
    users = posts["user_id"].to_pylist()
    own = {user: 0.4 * random.standard_normal(_WIDTH) for user in dict.fromkeys(users)}
    encoder = WordEncoder()

    def features(of) -> torch.Tensor:
        rows = [
            of(post) + 0.3 * own[user] for post, user in zip(range(len(users)), users, strict=True)
        ]
        return torch.from_numpy(np.array(rows, dtype=np.float32))

    texts = posts["text"].to_pylist()
    spoken = encoder.encode([text or "" for text in texts]).numpy()
    centres = {subject: _word(subject).numpy() for subject in SUBJECTS}
    image = features(
        lambda post: centres[subject_of(users[post])] + 0.3 * random.standard_normal(_WIDTH)
    )
    text = features(lambda post: spoken[post])

    def there(name: str) -> torch.Tensor:
        return torch.tensor([each is not None for each in posts[name].to_pylist()])

    whole = PostFeatures(image, there("image_hash"), text, there("text_hash"))
    ids = (np.array(posts[name].to_pylist()) for name in ("post_id", "user_id"))
    table = FeatureTable(*ids, whole, 0, len(posts))
    return Materials(data, table, assemble_examples(RunConfig(), data, table))


def _word(word: str) -> torch.Tensor:
    subject = next((s for s, words in SUBJECTS.items() if word == s or word in words), None)
    near = torch.Generator().manual_seed(sum(map(ord, word)))
    own = torch.randn(_WIDTH, generator=near)
    if subject is None:
        return 0.2 * own
    place = torch.Generator().manual_seed(1000 + list(SUBJECTS).index(subject))
    return torch.randn(_WIDTH, generator=place) + 0.3 * own
