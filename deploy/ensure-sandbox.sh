#!/bin/sh
# Make sure that untrusted code has a sandbox to run in: a reachable Docker daemon with the base image, else bubblewrap.
set -u
if docker image inspect codeagent-base:bookworm >/dev/null 2>&1; then exit 0; fi
works() { bwrap --ro-bind / / --unshare-all true >/dev/null 2>&1; }
if works; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing bubblewrap ..."
    apt-get update -qq && apt-get install -y -qq --no-install-recommends bubblewrap >/dev/null
    if works; then exit 0; fi
fi
echo "No sandbox: type 'sudo apt-get install bubblewrap' (or your distribution's word for it), or start Docker and run 'sudo make base-image'." >&2
exit 1
