#!/usr/bin/env bash
# The first step of action.yml: the program's libraries, with their hashes checked, in a directory of the runner's.
# Nothing of the workspace is read (-I), and nothing of what the workflow's other steps use is changed.
set -eu

fail() { echo "::error title=CodeAgent::$*"; exit 2; }

[ "$(uname -s)" = Linux ] || fail "this action needs a Linux runner (runs-on: ubuntu-latest)"

recent() { "$1" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

python=""
for candidate in python3 python3.13 python3.12 python3.11 python3.14 "${RUNNER_TOOL_CACHE:-/nowhere}"/Python/3.1[1-9]*/*/bin/python3; do
  if found=$(command -v "$candidate") && recent "$found"; then
    python=$found
    break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is needed: put a step with actions/setup-python before this one"

venv=$RUNNER_TEMP/codeagent-venv
lock=$GITHUB_ACTION_PATH/requirements.lock
stamp=$(sha256sum < "$lock")
if [ "$(cat "$venv/.installed" 2> /dev/null)" = "$stamp" ]; then
  echo "CodeAgent is installed already"
  exit 0
fi
echo "::group::Install CodeAgent's libraries"
"$python" -I -m venv --clear "$venv"
"$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock"
purelib=$("$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$GITHUB_ACTION_PATH" > "$purelib/codeagent.pth"
printf '%s\n' "$stamp" > "$venv/.installed"
echo "::endgroup::"
