# The Todo API on Wellhead. Stages: builder -> runtime -> migrate, and testing next to them.
#
#   docker build --target runtime --tag wellhead-todo .
#
# Any image with Python 3.11 or newer as `python` will do; docs/how-to/docker.md tells more.
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim


FROM ${PYTHON_IMAGE} AS builder
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
# pip stays in an environment of its own; what is shipped never holds it.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/venv
COPY requirements/build.txt requirements/container.txt requirements/
# The secrets are optional: a pip.conf and certificates, for networks that need their own.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/venv/bin/python install \
      --require-hashes --only-binary :all: -r requirements/container.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY todo/pyproject.toml todo/
COPY todo/src todo/src
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir wheels . ./todo \
 && /opt/build/bin/pip --python /opt/venv/bin/python install --no-index --no-deps wheels/*.whl


FROM ${PYTHON_IMAGE} AS runtime
# Code that runs in here finds nothing to install more code with.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* \
      /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels \
 && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin todo
COPY --from=builder /opt/venv /opt/venv
# With a heap for each thread, as glibc has it, memory grows with traffic.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APP_ENV=production \
    MALLOC_ARENA_MAX=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    LOG_FORMAT=json
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# Asks /health/live, which asks the database nothing: a database that sleeps is left asleep.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-m", "todo.healthcheck"]
CMD ["todo", "serve"]
ARG VERSION=0.0.0 REVISION=unknown CREATED=1970-01-01T00:00:00Z SOURCE= PYTHON_IMAGE
LABEL org.opencontainers.image.title="Todo API" \
      org.opencontainers.image.description="Accounts, tasks and tags on PostgreSQL, connected by Wellhead." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"


FROM runtime AS migrate
COPY --chmod=0555 scripts/migrate.sh /usr/local/bin/migrate.sh
HEALTHCHECK NONE
ENTRYPOINT ["migrate.sh"]
CMD []


FROM builder AS testing
# The embedded server of the tests is linked with the libraries; a test runs the first `curl`.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends curl libgssapi-krb5-2 libxml2 \
 && rm -rf /var/lib/apt/lists/*
COPY requirements/dev.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/build/bin/pip --python /opt/venv/bin/python install \
      --require-hashes --only-binary :all: -r requirements/dev.txt
# The embedded server unpacks itself next to its module, where only root may write.
RUN /opt/venv/bin/python -c 'from wellhead.embedded import binaries, account; \
      binaries.find_binaries(None, account.server_account())' \
 && useradd --uid 10001 --create-home todo
WORKDIR /project
COPY . .
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
USER 10001:10001
CMD ["pytest", "-p", "no:cacheprovider"]
