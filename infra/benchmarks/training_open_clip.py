"""open_clip's own `train_one_epoch`, and our loop with its towers as encoders, on the same pairs.

Pairs are decoded and tokenised beforehand for both, and lie in memory.
"""

import importlib.util
import logging
import time
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from infra.benchmarks.claims import Claim
from infra.benchmarks.training_world import COMMAND, Scale, load, rate, ratio
from training.encoders.base import Encoder
from training.encoders.config import EncoderConfig
from training.examples import Examples, assemble
from training.modalities import PostFeatures

WHAT = "open_clip: our loop to open_clip's train_one_epoch on the same towers and pairs, pairs/s"
_EMBEDDING, _PIXELS, _TOKENS, _WORDS = 64, 64, 24, 1024
_VISION = {"image_size": _PIXELS, "patch_size": 16, "width": 192, "layers": 4, "head_width": 64}
_TEXT = {"context_length": _TOKENS, "vocab_size": _WORDS, "width": 128, "heads": 2, "layers": 3}


class Tower(Encoder[Any]):
    """A tower of open_clip as an encoder of rows of a table of ready inputs.

    Args:
        modality: `image` or `text`.
        backbone: the tower.
        table: (N, …) inputs.
    """

    batch_on_cpu = 64

    def __init__(self, modality: str, backbone: nn.Module, table: Tensor) -> None:
        super().__init__(EncoderConfig(name="open_clip", tuning="full"), backbone, _EMBEDDING)
        self.modality, self.table = modality, table

    def preprocess(self, raw: Any) -> dict[str, Tensor]:
        """Row numbers to their inputs."""
        return {"inputs": self.table[torch.tensor(raw)]}

    def features(self, backbone: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        """Inputs to (N, 64)."""
        return backbone(inputs["inputs"])

    def preprocessing_settings(self) -> dict[str, Any]:
        return {}

    def save_preprocessing(self, folder: Any) -> None:
        """Nothing to write."""

    def restore_preprocessing(self, folder: Any) -> None:
        """Nothing to read."""


class Numbers:
    """Contents as `training.tuning.Content` gives them: the rows' own numbers."""

    def of(self, modality: str, rows: list[int]) -> list[int]:
        """The rows."""
        return rows


def against_open_clip(scale: Scale) -> list[Claim]:
    """Pairs per second of training epochs, in turns, the first of each left out."""
    if importlib.util.find_spec("open_clip_train") is None:
        return []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    logging.getLogger().setLevel(logging.WARNING)  # open_clip reports on the root logger
    batch = min(128, scale.pairs // 2)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(scale.pairs, 3, _PIXELS, _PIXELS, generator=generator)
    texts = torch.randint(1, _WORDS, (scale.pairs, _TOKENS), generator=generator)
    ours, theirs = [], []
    try:
        for _ in range(scale.repetitions):
            theirs += _open_clip(images, texts, batch, scale.epochs)
            ours += _ours(images, texts, batch, scale.epochs)
    finally:
        torch.set_num_threads(threads)
    return [
        Claim(
            WHAT,
            ratio(ours, theirs),
            ">= 1",
            COMMAND,
            f"ViT of 4 layers and text transformer of 3, float32, one thread, batches of {batch}, "
            f"no augmentation; ours {rate(ours)}, theirs {rate(theirs)}; {load()}",
        )
    ]


def _model() -> Any:
    from open_clip.model import CustomTextCLIP

    torch.manual_seed(0)
    return CustomTextCLIP(_EMBEDDING, _VISION, _TEXT, output_dict=True)  # type: ignore[arg-type]


def _open_clip(images: Tensor, texts: Tensor, batch: int, epochs: int) -> list[float]:
    from open_clip.loss import ClipLoss
    from open_clip_train.train import train_one_epoch

    model = _model()
    loader: Any = DataLoader(
        TensorDataset(images, texts), batch_size=batch, shuffle=True, drop_last=True
    )
    loader.num_batches, loader.num_samples = len(loader), len(images)
    data = {"train": SimpleNamespace(dataloader=loader, set_epoch=lambda epoch: None)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)
    arguments = SimpleNamespace(
        device="cpu",
        precision="fp32",
        distill=False,
        accum_freq=1,
        skip_scheduler=True,
        horovod=False,
        grad_clip_norm=5.0,
        rank=0,
        local_rank=0,
        world_size=1,
        batch_size=batch,
        log_every_n_steps=100,
        wandb=False,
    )
    found = []
    for epoch in range(epochs):
        begun = time.perf_counter()
        train_one_epoch(model, data, ClipLoss(), epoch, optimizer, None, None, None, arguments)
        found.append(len(loader) * batch / (time.perf_counter() - begun))
    return found[1:]


def _ours(images: Tensor, texts: Tensor, batch: int, epochs: int) -> list[float]:
    from training import loop
    from training.model import JointSpace, ModelConfig
    from training.objective import LossesConfig, Objective

    model = _model()
    examples = _examples(len(images))
    space = JointSpace(
        ModelConfig.parse(
            {"layout": "shared", "pairs": ["image_text"], "dimension": _EMBEDDING, "hidden": 64}
        ),
        users=1,
        image_features=_EMBEDDING,
        text_features=_EMBEDDING,
    )
    losses = LossesConfig.parse({"image_text": {"name": "infonce"}})
    encoders = {
        "image": Tower("image", model.visual, images),
        "text": Tower("text", model.text, texts),
    }
    objective = Objective(space, losses, encoders, Numbers())  # type: ignore[arg-type]
    config = loop.LoopConfig(epochs=epochs, batch_size=batch, people=0, patience=epochs)
    found: list[float] = []
    loop.run(
        loop.begin(objective, config),
        examples,
        config,
        lambda metrics, _: found.append(metrics["train/samples_per_second"]),
    )
    return found[1:]


def _examples(count: int) -> Examples:
    """Pairs by one author each post, two of them for validation."""
    there = torch.ones(count, dtype=torch.bool)
    blank = torch.randn(count, _EMBEDDING)
    return assemble(
        PostFeatures(blank, there, blank.clone(), there.clone()),
        ["nobody"] * count,
        [f"text{row}" for row in range(count)],
        [f"image{row}" for row in range(count)],
        ["validation" if row < 2 else "train" for row in range(count)],
        {"nobody": []},
    )
