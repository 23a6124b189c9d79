"""The baseline: the same towers, losses, data and batches in a bare PyTorch loop.

python -m infra.benchmarks.training_plain PLAN.json prints posts per second, an epoch a line.
"""

import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.batches import Batch
from training.examples import Examples, PostKeys
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective


class Rows(Dataset):
    """Training posts by number."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Tensor:
        return self.rows[number]


def train(plan: dict[str, Any]) -> None:
    """Train as the plan says, with AdamW, clipping, and a cosine after a warm-up."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    loop = plan["loop"]
    folder = Path(plan["examples_folder"])
    examples = Examples.load(folder)
    space = JointSpace(
        ModelConfig.parse(plan["space"]),
        users=len(examples.users),
        image_features=examples.features.image.shape[1],
        text_features=examples.features.text.shape[1],
    )
    space.load_state_dict(load_file(folder / "whitening.safetensors"), strict=False)
    model = Objective(space, LossesConfig.parse(plan["losses"])).train()
    examples = replace(examples, features=space.whiten(examples.features))
    keys, everyone = examples.keys, torch.arange(len(examples.users))

    def collate(chosen: list[Tensor]) -> Batch:
        rows = torch.stack(chosen)
        authors = keys.author[rows].unique()
        others = everyone[~torch.isin(everyone, authors)]
        others = others[torch.randperm(len(others))][: max(0, loop["people"] - len(authors))]
        people = torch.cat([authors, others])
        return Batch(
            posts=examples.features[rows],
            keys=PostKeys(rows, keys.author[rows], keys.text[rows], keys.image[rows]),
            people=people,
            history=examples.histories(people, rows),
            most_posts=len(rows),
            most_people=len(people),
        )

    loader = DataLoader(
        Rows(examples.rows("train")),
        batch_size=loop["batch_size"],
        shuffle=True,
        collate_fn=collate,
        drop_last=True,
    )
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=loop["learning_rate"],
        betas=(0.9, 0.98),
        weight_decay=loop["weight_decay"],
        fused=True,
    )
    steps = loop["epochs"] * len(loader)
    warm = max(1, round(steps * loop["warmup"]))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * step / steps)),
    )
    for _ in range(loop["epochs"]):
        begun, posts = time.perf_counter(), 0
        for batch in loader:
            loss, _ = model(batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), loop["clip"])
            optimizer.step()
            schedule.step()
            posts += len(batch.posts)
        print(posts / (time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    train(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
