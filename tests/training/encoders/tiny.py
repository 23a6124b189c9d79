"""Small real models with random weights, in folders as a model hub lays them out; and pictures."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "red",
    "green",
    "cat",
    "tree",
    "and",
    "the",
    "sky",
]
_TOWER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def picture(seed: int, size: tuple[int, int] = (42, 28)) -> bytes:
    """A PNG of random coloured squares, `size` being width and height."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def write_tokenizer(folder: Path) -> None:
    """A word tokenizer that puts [CLS] and [SEP] around a text."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=16,
    ).save_pretrained(folder)


def write_bert(folder: Path) -> Path:
    """A BERT of 32 dimensions."""
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **_TOWER)
    _write(BertModel, config, folder)
    write_tokenizer(folder)
    return folder


def write_vit(folder: Path) -> Path:
    """A ViT for classification, as most of them are: its pooler was never trained."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    _write(ViTForImageClassification, ViTConfig(image_size=32, patch_size=8, **_TOWER), folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def write_clip(folder: Path) -> Path:
    """A CLIP with 24 shared dimensions."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    special = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = CLIPConfig(
        text_config=_TOWER | {"vocab_size": len(WORDS), "max_position_embeddings": 16} | special,
        vision_config=_TOWER | {"image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    _write(CLIPModel, config, folder)
    CLIPImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def write_siglip(folder: Path) -> Path:
    """A SigLIP of 32 dimensions."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    special = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = SiglipConfig(
        text_config=_TOWER | {"vocab_size": len(WORDS), "max_position_embeddings": 16} | special,
        vision_config=_TOWER | {"image_size": 32, "patch_size": 8},
    )
    _write(SiglipModel, config, folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def _write(kind: Any, config: Any, folder: Path) -> None:
    torch.manual_seed(3)
    kind(config).save_pretrained(folder)
