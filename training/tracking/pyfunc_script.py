"""What MLflow runs to load the model ("models from code"): nothing is pickled.

The only module that acts when it is run; MLflow copies it into the model and runs it there.
"""

from mlflow.models import set_model

from training.tracking.pyfunc_model import SpaceModel

set_model(SpaceModel())
