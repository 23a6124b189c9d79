"""How a device's speed and memory are used; what is learned stays the same up to rounding."""

from training.acceleration.config import AccelerationConfig

__all__ = ["AccelerationConfig"]
