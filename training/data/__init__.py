"""Posts, reactions and people: read from anywhere, validated row by row, split, kept by content.

The entry points are `training.data.prepare` (`prepare`, `check`), `training.data.clean.CleanData`
and `training.data.config` (`DataConfig`, `SplitConfig`). This file imports nothing, so that the
command line can read the configuration classes without pyarrow or Ray.
"""
