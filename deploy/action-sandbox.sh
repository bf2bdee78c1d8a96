#!/usr/bin/env bash
# Make sure that untrusted code has a sandbox on a runner of GitHub Actions.
#
#   deploy/action-sandbox.sh CHOICE IMAGE      CHOICE is auto, docker or bubblewrap
#
# Docker first: an image that is there is used; the default one is built of Debian's packages (sandbox.Dockerfile, about
# a minute), any other one is pulled. Else bubblewrap. Only a machine of GitHub's own, which is thrown away, is changed.
set -u

choice=$1 image=$2
here=$(dirname "$0")

if [ "$choice" != bubblewrap ] && docker version > /dev/null 2>&1; then
  if docker image inspect "$image" > /dev/null 2>&1; then
    echo "image $image is there"
    exit 0
  fi
  if [ "$image" = codeagent-base:bookworm ]; then
    echo "building $image"
    docker build --quiet --tag "$image" - < "$here/sandbox.Dockerfile" && exit 0
  else
    echo "pulling $image"
    docker pull --quiet "$image" && exit 0
  fi
  echo "no image $image could be had"
fi
[ "$choice" != docker ] || exit 1

works() { bwrap --ro-bind / / --unshare-all true > /dev/null 2>&1; }
works && exit 0
if [ "${RUNNER_ENVIRONMENT:-}" = github-hosted ]; then
  echo "installing bubblewrap"
  command -v bwrap > /dev/null || { sudo -n apt-get update -qq && sudo -n apt-get install -y -qq --no-install-recommends bubblewrap > /dev/null; }
  # Ubuntu 24.04 keeps programs without an AppArmor profile from making user namespaces.
  works || sudo -n sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=0
  works && exit 0
fi
echo "no sandbox: start Docker on this runner, or install bubblewrap and allow user namespaces"
exit 1
