"""Features of posts by encoders, computed once and cached by content.

The entry points are `training.features.table` (`compute_features`, `FeatureTable`) and
`training.features.encoding.EncodingConfig`.
"""

from training.features.encoding import EncodingConfig
from training.features.table import FeatureTable, compute_features

__all__ = ["EncodingConfig", "FeatureTable", "compute_features"]
