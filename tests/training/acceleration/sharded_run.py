"""Two processes over gloo that train the same model in several ways; run by test_sharding."""

import sys
from contextlib import suppress
from pathlib import Path

import torch
import torch.distributed as dist

from tests.training.synthetic import small_examples
from training import checkpoint, loop, tuning
from training.acceleration import AccelerationConfig
from training.encoders import EncoderConfig, build_text_encoder
from training.modalities import PostFeatures
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective

WAYS = {
    "ddp": AccelerationConfig(),
    "fsdp": AccelerationConfig(sharding="fsdp"),
    "fsdp-checkpointing": AccelerationConfig(sharding="fsdp", checkpointing=True),
    "fsdp-cached": AccelerationConfig(sharding="fsdp"),
    "fsdp-bf16": AccelerationConfig(sharding="fsdp", precision="bf16"),
}
CONFIG = loop.LoopConfig(
    epochs=2, batch_size=6, people=6, accumulate=2, encoder_learning_rate=1e-3, patience=9
)
_WORDS = ("a red cat", "the green tree", "a cat and the sky", "green sky", "the red tree and a cat")


class Texts:
    """Contents as `training.tuning.Content` gives them."""

    def of(self, modality: str, rows: list[int]) -> list[str]:
        return [_WORDS[row % len(_WORDS)] for row in rows]


def begin(bert: Path, acceleration: AccelerationConfig, seed: int = 0):
    """Examples, and a state whose text encoder, a BERT of 32 dimensions, learns all over."""
    encoder = build_text_encoder(EncoderConfig(name=f"transformers/{bert}", tuning="full"))
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    plain = small_examples(people=7, posts_each=7)  # an odd number: shares differ in length
    features = plain.features
    has_text = features.has_text & (torch.arange(49) % 5 > 2)  # shares without any text
    text = encoder.encode(Texts().of("text", list(range(49))))
    examples = loop.replace(
        plain, features=PostFeatures(features.image, features.has_image, text, has_text)
    )
    torch.manual_seed(seed)
    still = {"dropout": 0.0, "input_dropout": 0.0, "user": {"id_dropout": 0.0}}
    space = JointSpace(
        # few components: where features hardly vary, Adam makes steps of rounding errors
        ModelConfig.parse({"dimension": 24, "hidden": 16, "whitening": {"components": 4}, **still}),
        users=len(examples.users),
        image_features=12,
        text_features=encoder.dimension,
    )
    space.fit_inputs(examples.features)
    objective = Objective(space, LossesConfig(), {"text": encoder}, Texts())  # type: ignore[arg-type]
    return examples, loop.begin(objective, CONFIG, acceleration)


def train(folder: Path, way: str, bert: Path, stop_after: int = 0, start: Path | None = None):
    """Train one way; leave checkpoint and metrics in `folder`."""
    examples, state = begin(bert, WAYS[way], seed=0 if start is None else 5)
    config = CONFIG.model_copy(update={"cache_rows": 2}) if way == "fsdp-cached" else CONFIG
    if start is not None:
        checkpoint.load(start, state)
    lines: list[dict[str, float]] = []

    def report(metrics, state) -> None:
        lines.append(metrics)
        if state.progress.epoch == (stop_after or CONFIG.epochs):
            checkpoint.save(folder, state)
            held = sum(
                getattr(p, "to_local", lambda p=p: p)().numel()
                for p in state.objective.parameters()
            )
            torch.save((lines, held), folder.with_suffix(f".{loop.rank()}"))
            raise InterruptedError

    with suppress(InterruptedError):
        loop.run(state, examples, config, report, WAYS[way])


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    tuning.CHUNK = 24  # worker 0 has one chunk more to encode than worker 1
    store = f"file://{folder / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    bert = folder / "bert"
    for way in WAYS:
        train(folder / way, way, bert)
    for first, second in (("ddp", "fsdp"), ("fsdp", "ddp")):
        train(folder / f"{first}-half", first, bert, stop_after=1)
        dist.barrier()
        train(folder / f"{first}-{second}", second, bert, start=folder / f"{first}-half")
    dist.destroy_process_group()


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]))
