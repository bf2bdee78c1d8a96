# What sandboxes start from, for machines that can pull from a registry: the same packages as base-image.sh has.
#
#   docker build -t codeagent-base:bookworm - < deploy/sandbox.Dockerfile
#
# No code of this project and no secret is in it. To pin it: --build-arg BASE=debian@sha256:...
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      python3 python3-venv python3-pip python3-dev gcc libc6-dev make pkg-config git ca-certificates > /dev/null \
 && rm -rf /var/lib/apt/lists/* /var/log/*.log \
 && (id agent > /dev/null 2>&1 || useradd --uid 1000 --user-group --create-home --shell /bin/sh agent) \
 && mkdir -p /workspace /base /env
ENV LANG=C.UTF-8
