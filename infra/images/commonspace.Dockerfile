# syntax=docker/dockerfile:1.7
# Commonspace for the machines of a cluster: Ray's nodes, jobs, the service and the command line.
#   docker build -f infra/images/commonspace.Dockerfile --target cpu  -t commonspace:cpu  .
#   docker build -f infra/images/commonspace.Dockerfile --target cuda -t commonspace:cuda .
# The versions of all packages are those of constraints.txt.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv && /opt/venv/bin/pip install pip==26.3 setuptools==80.9.0
WORKDIR /source
COPY constraints.txt pyproject.toml ./

# What the product requires, without the product: this layer stays while only our code changes.
FROM build AS requirements
RUN /opt/venv/bin/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['postgres'], sep='\n')" \
    > /opt/requirements.txt
COPY infra/images/buckets.txt /opt/

FROM requirements AS packages-cpu
# torch without CUDA is 200 MB instead of 3 GB; the index is torch's own
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN /opt/venv/bin/pip install --constraint constraints.txt --no-deps --index-url "${TORCH_INDEX}" \
        torch torchvision \
    && /opt/venv/bin/pip install --constraint constraints.txt --requirement /opt/requirements.txt \
        --requirement /opt/buckets.txt

FROM requirements AS packages-cuda
# the wheels bring CUDA, cuDNN and NCCL; the machine brings the driver
RUN /opt/venv/bin/pip install --constraint constraints.txt --requirement /opt/requirements.txt \
        --requirement /opt/buckets.txt

FROM build AS wheel
COPY README.md ./
COPY training training
COPY recsys recsys
COPY serving serving
COPY infra infra
RUN /opt/venv/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:${PYTHON} AS runtime
RUN groupadd --gid 10001 commonspace \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin \
        commonspace \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/commonspace \
    && echo "PATH=/opt/venv/bin:\$PATH" > /etc/profile.d/commonspace.sh
# Nothing is written but to /tmp and the workspace, so that the rest may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    RAY_USAGE_STATS_ENABLED=0
WORKDIR /var/lib/commonspace
EXPOSE 6379 8000 8080 8265
# Of a Ray node: its agent answers for it. Jobs and commands end before they are asked.
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:52365/api/healthz', timeout=5)"]
CMD ["commonspace", "--help"]

FROM runtime AS cpu
COPY --from=packages-cpu /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-deps --no-cache-dir /wheels/*.whl
USER 10001:10001

FROM runtime AS cuda
# torch.compile makes C code on the machine. Debian keeps only the newest of a stable release, so a
# version here would not be found for long; the base's tag says which release it is.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=packages-cuda /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-deps --no-cache-dir /wheels/*.whl
USER 10001:10001
