#!/bin/sh
# Install the pinned npm test tools once; a changed lock file installs them anew.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.codeagent-lock
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then exit 0; fi
npm ci --silent --no-audit --no-fund
cp package-lock.json "$stamp"
