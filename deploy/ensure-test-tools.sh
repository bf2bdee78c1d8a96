#!/bin/sh
# What the whole test suite wants beside Python: as root on Debian it is installed, otherwise one line says what to type.
# Nothing here is fatal: the test run says at its end what it skipped and why.
set -u
need=""
command -v bwrap >/dev/null 2>&1 || need="$need bubblewrap"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need="$need postgresql"
command -v git >/dev/null 2>&1 || need="$need git"
command -v npm >/dev/null 2>&1 || need="$need npm"
if [ -n "$need" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing$need ..."
        # shellcheck disable=SC2086
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null \
            || echo "could not install$need: their tests will be skipped"
    else
        echo "for all tests, type: sudo apt-get install$need"
    fi
fi
if command -v npm >/dev/null 2>&1; then
    sh tests/npm/install.sh || echo "npm tools could not be installed: their tests will be skipped"
fi
exit 0
