"""A space that can encode any content, for what is read from the event database."""

import io

import torch
from PIL import Image

from recsys.events.pictures import StoredPicture
from tests.recsys.world import IMAGE_WIDTH, TEXT_WIDTH, ProjectionSpace
from training.modalities import PostFeatures


class EncodingSpace(ProjectionSpace):
    """Encodes any content: the numbers are drawn by it."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.batches: list[int] = []

    def features(self, posts) -> PostFeatures:
        self.batches.append(len(posts))
        has_image = torch.tensor([post.image is not None for post in posts], dtype=torch.bool)
        has_text = torch.tensor([post.text is not None for post in posts], dtype=torch.bool)
        image = [drawn(post.image or b"", IMAGE_WIDTH) for post in posts]
        text = [drawn((post.text or "").encode(), TEXT_WIDTH) for post in posts]
        return PostFeatures(
            torch.stack(image) if image else torch.empty(0, IMAGE_WIDTH),
            has_image,
            torch.stack(text) if text else torch.empty(0, TEXT_WIDTH),
            has_text,
        )


def drawn(content: bytes, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(int.from_bytes(content[-6:], "big"))
    return torch.randn(width, generator=generator)


def picture(colour: str = "red") -> StoredPicture:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(file, "PNG")
    return StoredPicture("image/png", file.getvalue())
