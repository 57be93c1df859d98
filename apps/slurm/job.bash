# shellcheck shell=bash disable=SC2154,SC2034  # id and script come from whoever sources this, and output goes back
# What the batch scripts beside this file share: they source it, with `id`, the name that Slurm knows the job by, and
# `script`, where the batch script stands. README.md says what they do.

say() { echo "slurm: $*"; }
refuse() { echo "error: $*" >&2; exit 2; }

here=$(dirname "$script")
output='' # --output
options=() # what is passed on to flowrun or flowtune
launcher=() # what starts flowrun, where it is not started as it is
program=() # what find_program has found
child='' got=''
staged=() locks=()

# The time limit is near (USR1), or the job is to end (TERM, which the programs may have had from Slurm, too): they save
# their state. Where none runs yet, none is started.
trap 'pass USR1' USR1
trap 'pass TERM' TERM
trap leave EXIT
pass() {
  got=$1
  [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null || true
}

announce() {
  say "job $id, restart ${SLURM_RESTART_COUNT:-0}, on $SLURM_JOB_NODELIST, processors: $SLURM_CPUS_PER_TASK, $(date '+%F %T')"
}

# find_program NAME: sets `program`, the command that starts flowrun or flowtune: that of the image in TWINFLOW_IMAGE, or of
# the folder in TWINFLOW_BIN, or of the source tree or installation that these scripts belong to (share/twinflow/slurm/).
find_program() {
  local folder runner folders=("$here/../../build/bin" "$here/../../../bin")
  if [ -n "${TWINFLOW_IMAGE:-}" ]; then
    [ -e "$TWINFLOW_IMAGE" ] || [[ $TWINFLOW_IMAGE == *://* ]] || refuse "TWINFLOW_IMAGE: there is no '$TWINFLOW_IMAGE'"
    runner=$(command -v apptainer || command -v singularity) ||
      refuse "TWINFLOW_IMAGE is set, but there is neither apptainer nor singularity to run it"
    # The working folder and staged data are within reach inside; APPTAINER_BIND names more.
    program=("$runner" exec --bind "$PWD" --bind "${TMPDIR:-/tmp}" "$TWINFLOW_IMAGE" "$1")
    return
  fi
  [ -z "${TWINFLOW_BIN:-}" ] || folders=("$TWINFLOW_BIN")
  for folder in "${folders[@]}"; do
    if [ -x "$folder/$1" ]; then
      program=("$folder/$1")
      return
    fi
  done
  refuse "there is no $1 in ${folders[*]}: build it with apps/build, or name its folder in TWINFLOW_BIN"
}

take_options() {
  local name value
  while [ $# -gt 0 ]; do
    name=${1%%=*}
    case $1 in
      --output=* | --stage=*) value=${1#*=} ;;
      --output | --stage)
        [ $# -gt 1 ] || refuse "$1 lacks its value"
        value=$2
        shift
        ;;
      --resume | --resume=*) refuse "--resume is not needed: --output DIR goes on with the run that is in DIR" ;;
      *)
        options+=("$1")
        shift
        continue
        ;;
    esac
    shift
    if [ "$name" = --output ]; then output=$value; else stage "$value"; fi
  done
}

# make_private FOLDER: nobody but this user can write into it. Its name can be guessed, and where it lies others may write,
# too: what is there already counts only when it is a folder of this user's, which no one else can enter or replace.
make_private() {
  local above
  above=$(dirname "$1")
  [ -z "$(find -H "$above" -maxdepth 0 -perm /022 ! -perm -1000)" ] ||
    refuse "--stage: others can replace what is in '$above' (chmod +t forbids that): name another folder in TMPDIR"
  mkdir -m 700 "$1" 2>/dev/null || true
  [ -n "$(find "$1" -maxdepth 0 -type d -user "$(id -u)" ! -perm /077)" ] || # a link is not followed
    refuse "--stage: '$1' is not a folder that $(id -un) alone can enter: remove it, or name another folder in TMPDIR"
}

# stage NODE.PARAMETER=PATH: copies a file or folder to the node's own disk, unpacks an archive there, and has the
# parameter point to it. The place follows from the user and PATH alone: a job that starts again, on another node perhaps,
# or another task of the array finds the same graph. Tasks on one node share the copy; the last one to use it removes it.
stage() {
  [[ $1 == ?*.?*=?* ]] || refuse "--stage '$1' is not NODE.PARAMETER=PATH"
  local from=${1#*=} private folder to lock
  [ -e "$from" ] || refuse "--stage: there is no '$from'"
  from=$(realpath "$from")
  private=${TMPDIR:-/tmp}/twinflow-$(id -un)
  make_private "$private"
  folder=$private/$(printf %s "$from" | sha1sum | cut -c 1-12)
  to=$folder/data
  [[ $from == *.tar || $from == *.tar.* || $from == *.tgz ]] || to=$folder/data/$(basename "$from")
  exec {lock}>>"$folder.lock"
  staged+=("$folder") locks+=("$lock")
  while :; do
    # Nobody uses it: what is there was left by a job that was killed, and may be old.
    if flock --nonblock --exclusive "$lock"; then
      rm -rf "$folder"
      mkdir -m 700 "$folder"
      mkdir "$folder/data"
      if [ "$to" = "$folder/data" ]; then tar -xf "$from" -C "$to"; else cp -rL "$from" "$to"; fi
      touch "$folder/whole"
      say "copied '$from' to '$to'"
    fi
    flock --shared "$lock" # waits for one that copies
    [ ! -e "$folder/whole" ] || break
  done
  options+=(--set "${1%%=*}=$to")
}

leave() {
  local i
  for i in "${!staged[@]}"; do
    if flock --nonblock --exclusive "${locks[i]}"; then rm -rf "${staged[i]}"; fi
  done
}

# train RUN GRAPH: begins a run, or goes on with the one that is there. A job that starts again keeps the graph that it
# began with, whatever has become of the file since; a new job is told of changes.
train() {
  local run=$1 command
  find_program flowrun
  command=("${launcher[@]}" "${program[@]}")
  if [ -e "$run/state.safetensors" ] || [ -e "$run/state.previous.safetensors" ]; then
    [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] || command+=("$2")
    command+=(--resume "$run")
  else
    command+=("$2" --output "$run")
  fi
  # From SIGTERM to the end by force, Slurm waits for KillWait; the time between --signal and the limit is longer.
  command+=(--grace "$(scontrol show config | sed -n 's/^KillWait *= *\([0-9]*\).*/\1/p')")
  until_stopped "$run" "${command[@]}" "${options[@]}"
}

steps_in() {
  if [ ! -d "$1" ]; then echo 0; return; fi
  find "$1" -name result.json -exec sed -n 's/^  "steps": \([0-9]*\).*/\1/p' {} + |
    awk '{ sum += $1 } END { print sum + 0 }'
}

# until_stopped FOLDER COMMAND...: returns when the command has finished; else the job ends, and is requeued where it was
# stopped and nobody else decides that.
until_stopped() {
  local folder=$1 before code=0 job restarts
  shift
  before=$(steps_in "$folder")
  if [ -z "$got" ]; then
    "$@" &
    child=$!
    [ -z "$got" ] || pass "$got"
    while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done # a signal ends a wait
    wait "$child" || code=$?
  else
    code=3
  fi
  trap '' USR1 TERM
  case $code in
    0)
      say "finished: $folder"
      return
      ;;
    3 | 138 | 143) ;; # with the state saved; by USR1 or TERM before there was one
    *)
      say "failed with exit code $code: not requeued"
      exit "$code"
      ;;
  esac
  job=$(scontrol show job "$id")
  restarts=$(sed -n 's/.* Restarts=\([0-9]*\) .*/\1/p' <<<"$job")
  if [[ $job == *JobState=RUNNING* || $job == *Reason=TimeLimit* ]]; then
    # A job that gets nowhere would come back for ever.
    if [ "$(steps_in "$folder")" -le "$before" ]; then
      say "not requeued: there was not a step since it started; it needs a longer --time"
      exit 1
    fi
    say "stopped before the time limit, or by a signal; the state is saved: requeued"
    scontrol requeue "$id" || say "Slurm refuses to requeue it; what is saved goes on with --output '$folder'"
  elif [ "$restarts" -gt "${SLURM_RESTART_COUNT:-0}" ]; then
    say "preempted, or requeued by somebody: starts again"
  else
    say "cancelled: not requeued; a new job goes on with --output '$folder'"
  fi
  exit 3
}
