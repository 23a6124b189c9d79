# What every machine of `ray up` has in its environment before Ray starts; the addresses are yours.
# Secrets are files that `ray up` lays into ~/secrets, and only their owner may read them.
. "$HOME/commonspace/bin/activate"
export COMMONSPACE_CONFIG="$HOME/settings.yaml"
export MLFLOW_TRACKING_URI=https://mlflow.example.org
export MILVUS_URI=https://milvus.example.org:19530
export MILVUS_TOKEN_FILE="$HOME/secrets/milvus_token"
export COMMONSPACE_EVENTS_URL=postgresql+psycopg://commonspace@postgres.example.org:5432/events
export COMMONSPACE_EVENTS_PASSWORD_FILE="$HOME/secrets/events_password"
export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN_PATH="$HOME/secrets/ray_token"
export RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serving.edge:middlewares
export RAY_USAGE_STATS_ENABLED=0
