# syntax=docker/dockerfile:1.7
# The MLflow server with the drivers of Postgres and S3.
#   docker build -f infra/images/tracking.Dockerfile -t commonspace:tracking .
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv && /opt/venv/bin/pip install pip==26.3
WORKDIR /source
COPY constraints.txt infra/images/tracking.txt ./
RUN /opt/venv/bin/pip install --constraint constraints.txt --requirement tracking.txt

FROM python:${PYTHON} AS tracking
RUN groupadd --gid 10001 commonspace \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin \
        commonspace
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
COPY --from=build /opt/venv /opt/venv
WORKDIR /tmp
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=5)"]
USER 10001:10001
CMD ["mlflow", "server", "--host=127.0.0.1", "--port=5000"]
