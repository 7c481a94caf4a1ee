#!/bin/sh
# requirements/install.sh VENV ARGUMENTS: install what the arguments name (as for `pip install --no-deps`) into a virtual environment.
#
# uv does it in a quarter of pip's time and comes as a wheel itself. Where it cannot be had, or reaches no registry, pip does
# the same. uv does not read pip's configuration, so the registry that this machine has set for pip is handed to it.
set -eu
venv=$1
shift
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

if [ ! -x "$venv/bin/uv" ]; then
  pip install --quiet --no-deps --require-hashes -r requirements/installer.lock \
    || echo "uv cannot be installed here; pip installs everything instead, which takes two minutes." >&2
fi
if [ -x "$venv/bin/uv" ]; then
  registry=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}}
  if [ -n "$registry" ]; then export UV_DEFAULT_INDEX="$registry"; fi
  [ -t 2 ] || set -- --quiet "$@" # a bar where somebody looks, no list of 130 names in a log
  if "$venv/bin/uv" pip install --python "$venv/bin/python" --no-deps "$@"; then exit 0; fi
  echo "uv could not install; pip tries, which takes two minutes." >&2
fi
pip install --no-deps "$@"
