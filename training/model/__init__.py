"""The trainable part of the space: projections, the user tower, and the sphere they meet on."""

from training.model.joint_space import JointSpace, ModelConfig

__all__ = ["JointSpace", "ModelConfig"]
