#!/bin/sh
# requirements/set_up.sh VENV NAME READY LOCK...: install what requirements/NAME.lock names into a virtual environment, then touch READY.
#
# A package that was half written looks installed to uv and to pip, so whatever was interrupted is begun again from an empty
# environment. Of two that are started at once the second waits, and has nothing left to do.
#
# uv does it in a quarter of pip's time and comes as a wheel itself. Where it cannot be had, or reaches no registry, pip does
# the same. uv does not read pip's configuration, so the registry that this machine has set for pip is handed to it.
set -eu
venv=$1 names=$2 ready=$3
shift 3
python="$venv/bin/python"

is_ready() {
  for lock in "$@"; do [ "$ready" -nt "$lock" ] || return 1; done
}

pip() { "$python" -m pip --disable-pip-version-check "$@"; }

# The arguments are those of `pip install --no-deps`.
install() {
  if [ ! -x "$venv/bin/uv" ]; then
    pip install --quiet --no-deps --require-hashes -r requirements/installer.lock \
      || echo "uv cannot be installed here; pip installs everything instead, which takes two minutes." >&2
  fi
  if [ -x "$venv/bin/uv" ]; then
    registry=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}}
    if [ -n "$registry" ]; then export UV_DEFAULT_INDEX="$registry"; fi
    quiet=$([ -t 2 ] || echo --quiet) # a bar where somebody looks, no list of 130 names in a log
    if "$venv/bin/uv" pip install $quiet --python "$python" --no-deps "$@"; then return; fi
    echo "uv could not install; pip tries, which takes two minutes." >&2
  fi
  pip install --no-deps "$@"
}

exec 9>"$venv.lock"
"$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # held until this shell and all that it starts have ended
if is_ready "$@"; then exit 0; fi

if [ ! -e "$venv/.complete" ]; then
  "$PYTHON" -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit("dayreel needs Python 3.11 to 3.13, and this is " + sys.version.split()[0] + "; name another with make PYTHON=python3.12.")'
  echo "Setting up $venv (once; less than a minute) ..."
  "$PYTHON" -m venv --clear "$venv"
  if [ "$names" != runtime ]; then names="runtime $names"; fi
fi
rm -f "$venv/.complete"
for name in $names; do
  echo "Installing what requirements/$name.lock names ..."
  install --require-hashes -r "requirements/$name.lock"
  if [ "$name" = runtime ]; then
    install --no-build-isolation -e .
    touch "$venv/.run-ready"
  fi
done
touch "$venv/.complete" "$ready"
