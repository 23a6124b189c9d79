"""CLIP as it comes: its own space of images and texts, people as the mean of their posts."""

from training.benchmark.trial import Outcome, Task, contenders
from training.evaluation.baselines import mean_by_author, unit_rows
from training.evaluation.embedded import EmbeddedPosts
from training.evaluation.retrieval import retrieval_per_query

CLIP = "transformers/openai/clip-vit-base-patch32"


@contenders.register("clip")
def clip(task: Task) -> Outcome:
    """Nothing is trained. The task's features must be those of both towers of `CLIP`.

    Source: Radford et al. (arXiv 2103.00020).
    """
    examples = task.examples
    features = examples.features.blanked()
    has_image, has_text = features.has_image.numpy(), features.has_text.numpy()
    images, texts = unit_rows(features.image.numpy()), unit_rows(features.text.numpy())
    posts = unit_rows(images * has_image[:, None] + texts * has_text[:, None])
    author, training = examples.keys.author.numpy(), examples.rows("train").numpy()
    users, has_user = mean_by_author(
        posts[training], (has_image | has_text)[training], author[training], len(examples.users)
    )
    rows = examples.rows("test").numpy()
    embedded = EmbeddedPosts(
        users=users,
        images=images[rows],
        has_image=has_image[rows],
        texts=texts[rows],
        has_text=has_text[rows],
        posts=posts[rows],
        author=author[rows],
        text_group=examples.keys.text.numpy()[rows],
        has_user=has_user,
    )
    return Outcome({"clip": retrieval_per_query(embedded)})
