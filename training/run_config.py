"""A training's whole configuration: the parts' own, composed."""

from training.acceleration import AccelerationConfig
from training.config import Config
from training.data.config import DataConfig, SplitConfig
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT, EncoderConfig
from training.fit import ScalingConfig
from training.histories import HistoryConfig
from training.log_config import LogConfig
from training.loop import LoopConfig
from training.model import ModelConfig
from training.objective import LossesConfig
from training.sampling import EvaluationConfig
from training.tracking.config import TrackingConfig


class RunConfig(Config):
    """What is trained, on what, how, where, and where it is recorded."""

    data: DataConfig = DataConfig()
    split: SplitConfig = SplitConfig()
    image_encoder: EncoderConfig = IMAGE_DEFAULT
    text_encoder: EncoderConfig = TEXT_DEFAULT
    history: HistoryConfig = HistoryConfig()
    model: ModelConfig = ModelConfig()
    losses: LossesConfig = LossesConfig()
    loop: LoopConfig = LoopConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    scaling: ScalingConfig = ScalingConfig()
    acceleration: AccelerationConfig = AccelerationConfig()
    tracking: TrackingConfig = TrackingConfig()
    logs: LogConfig = LogConfig()
