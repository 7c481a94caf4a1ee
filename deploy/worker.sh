#!/usr/bin/env bash
# A worker for dayreel's job queue that needs bash, GNU coreutils, sed, find and setsid. Protocol: docs/worker-protocol.md.
#   deploy/worker.sh SHARED ROLE NAME COMMAND [ARG...]      takes jobs until it is stopped; with ONCE=1 until there is none
# COMMAND runs in the folder for its outputs and ends with 0 (done), 65 (no use trying again) or else (try again).
set -uo pipefail
export LC_ALL=C.UTF-8
shared=$(realpath -- "$1") role=$2 me=$3 jobs=$shared/.pipeline/jobs stop=''
shift 3
trap 'stop=1' TERM INT
say() { printf '%s\n' "$2" >"$here/$1"; } 2>/dev/null # fails when the folder is gone: then the lease is lost
field() { sed -nE "s/^  \"$1\": //p" "$here/spec.json" | sed -E 's/,$//; s/^"(.*)"$/\1/'; }
age() ( # of a file, in seconds by the clock of the shared folder
  now=$(mktemp "$jobs/.clock-XXXXXXXX") && echo >"$now" && echo $(($(stat -c %Y "$now") - $(stat -c %Y "$1"))) && rm -f "$now"
)
fits() { # whether this worker can do the job now; any other is left alone
  [[ $name =~ ^p[0-9]-[0-9]{8}T[0-9]{6}-$role-[a-z0-9][a-z0-9_-]{0,59}\.[1-9][0-9]{0,5}$ && -d $here && ! -L $here ]] &&
    [[ -f $here/spec.json && ! -e $here/cancel && ! -e $jobs/completed/$name && ! -e $jobs/failed/$name ]] &&
    [[ $(field job) == "$job" && $(field hours) == null && $(field max_attempts) == [1-9]* ]] &&
    [[ $(field output_dir)$(field marker_dir) != *\\* && $(printf %.0f "$(field lease_s)") -ge 5 ]] &&
    [[ $fence -eq 1 || ! -e $here/rest || $(age "$here/rest") -ge $(printf %.0f "$(field retry_delay_s)")*$((fence - 1)) ]]
}
claim() {
  for here in "$jobs"/pending/p*-"$role"-*; do
    name=${here##*/} job=${name%.*} fence=${name##*.}
    fits && say heartbeat "$me" && mv -T "$here" "$jobs/running/$name" 2>/dev/null || continue # the rename decides
    here=$jobs/running/$name
    say fence "$fence" && say claimed_by "$me" && say claimed_at "$(date -Iseconds)" && say pid $$ && say state running && return
  done
  return 1
}
work() { # sets outcome and error
  ( cd "$aside" && exec setsid env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 DAYREEL_JOB="$job" DAYREEL_FENCE="$fence" \
    DAYREEL_SPEC="$here/spec.json" DAYREEL_SHARED="$shared" DAYREEL_ASIDE="$aside" "$@" ) &
  local pid=$!
  until timeout 1 tail --pid=$pid -s 0.1 -f /dev/null; do
    say heartbeat "$me" || outcome=lost
    [[ -e $here/cancel ]] && outcome=cancelled error='cancelled'
    [[ $stop ]] && outcome=returned error='the worker was stopped'
    [[ $outcome ]] || continue
    kill -TERM -- -$pid; timeout 5 tail --pid=$pid -s 0.1 -f /dev/null || kill -KILL -- -$pid
  done
  wait $pid; code=$?
  [[ $outcome ]] || case $code in 0) outcome=done ;; 65) outcome=failed ;; *) outcome=returned ;; esac
  [[ $outcome == done || $error ]] || error="the command ended with code $code"
}
finish() { # writes the result and moves the job; the rename decides again
  local f files='' to=failed/$name file=result.json
  if [[ $outcome == done ]]; then
    to=completed/$name
    while IFS= read -r -d '' f; do
      [[ $f == *[![:print:]]* ]] && outcome=failed error='an output has a name that is not plain text' to=failed/$name && break
      sync "$aside/$f"; files+=${files:+,}$(printf '{"path":"%s","size_bytes":%d,"sha256":"%s"}' \
        "$(sed 's/[\\"]/\\&/g' <<<"$f")" "$(stat -c %s "$aside/$f")" "$(sha256sum <"$aside/$f" | cut -d' ' -f1)")
    done < <(find "$aside" -type f -printf '%P\0')
  elif [[ $outcome == returned && ($stop || $fence -lt $(field max_attempts)) ]]; then
    to=pending/$job.$((fence + 1)) file=result.$fence.json
    [[ $stop ]] || say rest "$me"
  fi
  printf '{"outcome":"%s","outputs":[%s],"error":%s,"worker":"%s","fence":%d,"started_at":"%s","finished_at":"%s"}\n' "$outcome" \
    "$files" "${error:+\"}${error:-null}${error:+\"}" "$me" "$fence" "$began" "$(date -Iseconds)" >"$here/.$file.$$" &&
    sync "$here/.$file.$$" && mv -fT "$here/.$file.$$" "$here/$file" && say state "${to%%/*}" && sync "$here" &&
    mv -T "$here" "$jobs/$to" && sync "$jobs/${to%%/*}" "$jobs/running"
} 2>/dev/null
install() { # only after the job is completed: outputs first, the marker last; a newer job's outputs stay
  local f done=$marks/$role.done
  [[ -s $done && $(cut -d- -f2 "$done") > $(cut -d- -f2 <<<"$name") ]] || {
    while IFS= read -r -d '' f; do mkdir -p "$(dirname "$out/$f")" && mv -fT "$aside/$f" "$out/$f" || return; done \
      < <(find "$aside" -type f -printf '%P\0')
    mkdir -p "$marks" && sync "$out" && date -Iseconds >"$marks/$role.timestamp" &&
      echo "$name" >"$done.$$" && sync "$done.$$" && mv -fT "$done.$$" "$done" || return
  }
  rm -rf -- "${aside%.*}".*
}
until [[ $stop ]]; do
  claim || { [[ ${ONCE:-} ]] && break; sleep 2; continue; }
  out=$shared/$(field output_dir) marks=$shared/$(field marker_dir) top=$(field output_dir) outcome='' error='' began=$(date -Iseconds)
  aside=$shared/${top%%/*}/.aside/$name && mkdir -p "$aside" && work "$@"
  if [[ $outcome != lost ]] && finish; then [[ $outcome == done ]] && install; else outcome=lost; fi
  [[ $outcome == done ]] || rm -rf -- "$aside"
  echo "$name: $outcome" >&2
done
