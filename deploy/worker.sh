#!/usr/bin/env bash
# A worker for dayreel's job queue that needs bash, GNU coreutils, sed, find and setsid. Protocol: docs/reference/worker-protocol.md.
#   deploy/worker.sh SHARED ROLE NAME COMMAND [ARG...]      takes jobs until it is stopped; with ONCE=1 until there is none
# COMMAND finds INPUT_FILES, OUTPUT_DIR, PARAMETERS... as the document tells, and ends with 0 (done), 65 (no use trying
# again) or else (try again). What it made is put into place by the controller, which looks for completed jobs.
# HEARTBEAT_S and IDLE_S, 1 and 2 seconds, are how often it says that it lives and how long it rests without a job.
set -uo pipefail
export LC_ALL=C.UTF-8
shared=$(realpath -- "$1") role=$2 me=$3 jobs=$shared/.pipeline/jobs stop='' made=$(mktemp)
shift 3
trap 'stop=1' TERM INT
trap 'rm -f "$made"' EXIT
say() { printf '%s\n' "$2" >"$here/$1"; } 2>/dev/null # fails when the folder is gone: then the lease is lost
field() { sed -nE "s/^  \"$1\": //p" "$here/spec.json" | sed -E 's/,$//; s/^"(.*)"$/\1/'; }
inputs() { sed -nE "/^  \"inputs\": \[/,/^  \]/s/^      \"$1\": \"(.*)\",?\$/\1/p" "$here/spec.json"; }
parameters() { [[ $(field parameters) == '{' ]] && sed -n '/^  "parameters": {/,/^  }/{s/^  "parameters": //; s/^  },$/}/; p}' "$here/spec.json" || echo '{}'; }
age() { # of a file, in seconds by the clock of the shared folder
  local now; now=$(mktemp "$jobs/.clock-XXXXXXXX") && echo >"$now" && echo $(($(stat -c %Y "$now") - $(stat -c %Y "$1"))); rm -f "$now"
}
fits() { # whether this worker can do the job now; any other is left alone
  [[ $name =~ ^p[0-9]-[0-9]{8}T[0-9]{6}-$role-[a-z0-9][a-z0-9_-]{0,59}\.[1-9][0-9]{0,5}$ && -d $here && ! -L $here ]] &&
    [[ -z $(find "$here" -mindepth 1 ! -type f -print -quit) && -f $here/spec.json && ! -e $here/cancel && ! -e $jobs/completed/$name && ! -e $jobs/failed/$name ]] &&
    [[ $(field job) == "$job" && $(field hours) == null && $(field max_attempts) == [1-9]* ]] &&
    [[ $(field output_dir)$(inputs path) != *\\* && $(printf %.0f "$(field lease_s)") -ge 5 ]] &&
    [[ $fence -eq 1 || ! -e $here/rest || $(age "$here/rest") -ge $(($(printf %.0f "$(field retry_delay_s)") * (fence - 1))) ]]
} 2>/dev/null
claim() {
  for here in "$jobs"/pending/p*-"$role"-*; do
    name=${here##*/} job=${name%.*} fence=${name##*.}
    fits && say heartbeat "$me" && mv -T "$here" "$jobs/running/$name" 2>/dev/null || continue # the rename decides
    here=$jobs/running/$name
    say fence "$fence" && say claimed_by "$me" && say claimed_at "$(date -Iseconds)" && say pid $$ && say state running && return
  done
  return 1
}
guarded() { # runs a command with a heartbeat, and ends it and all it has started when the job is not ours to do any more
  setsid "$@" &
  local pid=$!
  until timeout "${HEARTBEAT_S:-1}" tail --pid=$pid -s 0.1 -f /dev/null; do
    say heartbeat "$me" || [[ -d $here ]] || outcome=lost # a folder that is full, or stumbles, is not a lost lease
    [[ -e $here/cancel ]] && outcome=cancelled error='cancelled'
    [[ $stop ]] && outcome=returned error='the worker was stopped'
    [[ $outcome ]] && { kill -TERM -- -$pid; timeout 5 tail --pid=$pid -s 0.1 -f /dev/null || kill -KILL -- -$pid; }
  done 2>/dev/null
  wait $pid
}
describe() { # every output as JSON, when the device has it
  local f; find . -type f -printf '%P\0' | while IFS= read -r -d '' f; do
    [[ $f == *[![:print:]]* ]] && exit 65 # a name that is not plain text
    sync "$f" "$(dirname "$f")" && printf '{"path":"%s","size_bytes":%d,"sha256":"%s"},\n' "$(sed 's/[\\"]/\\&/g' <<<"$f")" \
      "$(stat -c %s "$f")" "$(sha256sum <"$f" | cut -d' ' -f1)"
  done
}
export -f describe
work() { # sets outcome and error
  local sum path sums='' files='' # the inputs, and how sha256sum reads them
  while IFS= read -r sum && IFS= read -r path; do
    sums+="$sum  $shared/$path"$'\n' files+="$shared/$path"$'\n'
  done < <(paste -d'\n' <(inputs sha256) <(inputs path))
  guarded env -i -C "$aside" PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 JOB="$job" ROLE="$role" ITEM_ID="$(field item_id)" \
    INPUT_FILES="${files%?}" OUTPUT_DIR="$aside" PARAMETERS="$(parameters)" \
    bash -c '[[ -z $0 ]] || printf %s "$0" | sha256sum --check --status || exit 65; exec "$@"' "$sums" "$@" </dev/null &&
    guarded env -C "$aside" bash -o pipefail -c describe >"$made"
  code=$?
  [[ $outcome ]] || case $code in 0) outcome=done ;; 65) outcome=failed ;; *) outcome=returned ;; esac
  [[ $outcome == done || $error ]] || error="ended with code $code"
}
finish() { # writes the result and moves the job; the rename decides again, also where only its answer was lost
  local to=failed/$name file=result.json files=''
  [[ $outcome == returned && -e $here/cancel ]] && outcome=cancelled
  if [[ $outcome == done ]]; then
    to=completed/$name files=$(sed '$s/,$//' "$made")
  elif [[ $outcome == returned && ($stop || $fence -lt $(field max_attempts)) ]]; then
    to=pending/$job.$((fence + 1)) file=result.$fence.json
    [[ $stop ]] || say rest "$me"
  fi
  printf '{"outcome":"%s","outputs":[%s],"error":%s,"worker":"%s","fence":%d,"started_at":"%s","finished_at":"%s"}\n' "$outcome" \
    "$files" "$([[ $error ]] && echo "\"$error\"" || echo null)" "$me" "$fence" "$began" "$(date -Iseconds)" >"$here/.$file.$$" &&
    sync "$here/.$file.$$" && mv -fT "$here/.$file.$$" "$here/$file" && say state "${to%%/*}" && sync "$here" &&
    { mv -T "$here" "$jobs/$to" || [[ ! -e $here && -e $jobs/$to/$file ]]; } && sync "$jobs/${to%%/*}" "$jobs/running"
} 2>/dev/null
until [[ $stop ]]; do
  claim || { [[ ${ONCE:-} ]] && break; sleep "${IDLE_S:-2}"; continue; }
  outcome='' error='' began=$(date -Iseconds) top=$(field output_dir)
  aside=$shared/${top%%/*}/.aside/$name && mkdir -p "$aside" && work "$@"
  said=$outcome
  [[ $outcome != lost ]] && finish || outcome=lost
  [[ $said == done ]] || rm -rf -- "$aside" # what was told to be done may be completed for us; if not, a sweep removes it
  echo "$name: $outcome" >&2
done
