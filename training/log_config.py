"""Settings of the logs; apart from `logs`, which every command needs, this needs pydantic."""

from pathlib import Path
from typing import Literal

from training.config import Config


class LogConfig(Config):
    """What is logged, where, and how; the defaults leave all as Python has it."""

    format: Literal["text", "json"] = "text"
    """json: one object a line, with time, level, logger, message, and the ids of run, request and
    job where there are any."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is logged of our own packages; of libraries, warnings and what is worse."""
    file: Path | None = None
    """To append to instead of stderr; others may rotate it. Each machine writes its own."""
