#!/bin/sh
# Make the Docker image that sandboxes are made of, from Debian's own packages: no registry is needed.
#
#   deploy/base-image.sh [TAG]          as root, on Debian or Ubuntu; does nothing when the image is there
#
#   SUITE   Debian release (bookworm)
#   MIRROR  Debian mirror (that of debootstrap)
#   FORCE   not empty: make it again
set -eu

tag=${1:-codeagent-base:bookworm}
suite=${SUITE:-bookworm}
# What building a Python environment takes: venv and pip, git for version control plugins, a compiler for wheels
# that have to be built.
packages=python3,python3-venv,python3-pip,python3-dev,gcc,libc6-dev,make,pkg-config,git,ca-certificates

say() { printf 'base-image: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v docker > /dev/null || fail "there is no docker: apt-get install --no-install-recommends docker.io"
docker version > /dev/null 2>&1 || fail "no Docker daemon answers: systemctl start docker"
if [ -z "${FORCE:-}" ] && docker image inspect "$tag" > /dev/null 2>&1; then
  say "$tag is there already (FORCE=1 makes it again)"
  exit 0
fi
[ "$(id -u)" = 0 ] || fail "debootstrap must be run as root: sudo $0"
if ! command -v debootstrap > /dev/null; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap > /dev/null
fi

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 1' HUP INT TERM

say "unpacking Debian $suite (about 150 MB of packages)"
debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${MIRROR:+"$MIRROR"} > "$root.log" 2>&1 || {
  tail -n 20 "$root.log" >&2
  rm -f "$root.log"
  fail "debootstrap failed, see above"
}
rm -f "$root.log"

# The unprivileged user that sandboxes run as, and the places where they are mounted.
printf 'agent:x:1000:1000:agent:/home/agent:/bin/sh\n' >> "$root/etc/passwd"
printf 'agent:x:1000:\n' >> "$root/etc/group"
mkdir -p "$root/workspace" "$root/base" "$root/env" "$root/home/agent"
chown 1000:1000 "$root/home/agent"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
say "importing as $tag"
tar -C "$root" --one-file-system -c . | docker import --change 'ENV LANG=C.UTF-8' - "$tag" > /dev/null
say "$tag is ready"
