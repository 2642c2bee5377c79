#!/bin/sh
# One scheduled regression check: ask the API anew, write the report, gate, rebuild the history.
#
#   DATASET=datasets/q3/manifest.csv REGION=sgp weekly.sh
#
# Environment (key and secret too: FINAUTH_API_KEY and FINAUTH_API_SECRET, or a .env file; they are never an option):
#
#   DATASET        manifest or folder to run; required
#   REGION         sgp or idn; or instead
#   ENDPOINT       an address, and with it, where the address may change,
#   ENDPOINT_NAME  what the cache knows it by
#   RUNS           folder of the runs                          runs/weekly
#   CAMPAIGN       name of this run; a new name is paid anew   the ISO week, such as 2026-W31
#   BASELINE       run folder or baseline.json to hold against RUNS/baseline.json, none until one is accepted
#   GATE           the rules                                   gate.toml
#   CACHE          folder of the paid answers                  .finauth-cache
#   MAX_CALLS      hard cap on sends                           none
#   FINAUTH_EVAL   the command                                 finauth-eval
#
# Leaves RUNS/CAMPAIGN/ with scores.parquet, run.json, report.html, verdict.json and junit.xml, and RUNS/history.parquet;
# adds to the file that GITHUB_STEP_SUMMARY names. Exits with the first code that is not 0 of run, report and gate; 2
# where the settings are wrong, 6 where another one is at work, 130 where it was stopped. Repeating it in the same week
# costs nothing for what is answered.
set -u

say() { printf 'weekly: %s\n' "$1" >&2; }
refuse() {
    say "$1"
    exit 2
}

DATASET=${DATASET:-} REGION=${REGION:-} ENDPOINT=${ENDPOINT:-} ENDPOINT_NAME=${ENDPOINT_NAME:-}
RUNS=${RUNS:-runs/weekly}
CAMPAIGN=${CAMPAIGN:-$(date +%G-W%V)}
GATE=${GATE:-gate.toml}
CACHE=${CACHE:-.finauth-cache}
MAX_CALLS=${MAX_CALLS:-}
FINAUTH_EVAL=${FINAUTH_EVAL:-finauth-eval}
SUMMARY=${GITHUB_STEP_SUMMARY:-}

# everything that can be known to be wrong is said before anything is paid for
[ -n "$DATASET" ] || refuse "DATASET is not set; expected a manifest or a folder, such as datasets/q3/manifest.csv"
case ${REGION:+region}${ENDPOINT:+endpoint} in
region | endpoint) ;;
'') refuse "neither REGION nor ENDPOINT is set; expected REGION=sgp, REGION=idn or ENDPOINT=URL" ;;
*) refuse "REGION is $REGION and ENDPOINT is $ENDPOINT; expected one of them" ;;
esac
case $CAMPAIGN in
'' | [.-]* | *[!A-Za-z0-9._-]*)
    refuse "CAMPAIGN is '$CAMPAIGN'; expected letters, digits, '.', '_' and '-', such as 2026-W31: it names a folder"
    ;;
esac
[ -f "$GATE" ] || refuse "GATE is $GATE: no such file; expected the rules (examples/gate.toml is a beginning)"
if [ -n "${BASELINE:-}" ]; then
    [ -e "$BASELINE" ] || refuse "BASELINE is $BASELINE: no such file or folder; leave it unset until one is accepted"
else
    BASELINE=$RUNS/baseline.json
    [ -e "$BASELINE" ] || BASELINE=
fi
command -v "$FINAUTH_EVAL" >/dev/null || refuse "FINAUTH_EVAL is $FINAUTH_EVAL: no such command"

week=$RUNS/$CAMPAIGN
attempt=$RUNS/.attempt
if ! { mkdir -p -- "$RUNS" && : >>"$RUNS/.lock"; }; then
    say "RUNS is $RUNS: can't be written"
    exit 6
fi

# held by this shell and by what it starts, and let go of by the system, however they end
exec 9>>"$RUNS/.lock"
if ! command -v flock >/dev/null; then
    say "there is no flock here: nothing but the cache's own lock keeps two of these apart"
elif ! flock -n 9; then
    say "another one is at work in $RUNS; nothing was done"
    exit 6
fi

first=0  # the first code that is not 0
child=   # what is being waited for
stopped= # whether somebody asked to stop
trap 'stopped=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' HUP INT TERM
trap 'rm -rf -- "$attempt"' EXIT

# Runs a command, keeps its code, and passes on a wish to stop; a second wish is passed on too.
step() {
    unless_stopped
    "$FINAUTH_EVAL" "$@" &
    child=$!
    [ -z "$stopped" ] || kill -TERM "$child" 2>/dev/null # the wish came before there was anybody to tell
    code=0
    wait "$child" || code=$?
    while [ -n "$stopped" ] && kill -0 "$child" 2>/dev/null; do # a signal cut the wait short
        wait "$child" || code=$?
    done
    child=
    [ "$first" -ne 0 ] || first=$code
    unless_stopped
}

unless_stopped() {
    [ -n "$stopped" ] || return 0
    first=130 # whatever the command made of it
    leave 130 "stopped; the same command goes on, and what is answered is not paid for again"
}

leave() {
    [ "$first" -ne 0 ] || first=$1
    say "$CAMPAIGN: $2; exit code $first"
    exit "$first"
}

note() {
    say "$1"
    [ -z "$SUMMARY" ] || printf '%s: %s\n\n' "$CAMPAIGN" "$2" >>"$SUMMARY"
}

# The history is for people to look at: where it fails that is said, and the exit code stays.
rebuild_history() {
    kept=$first
    step history build -- "$RUNS"
    [ "$code" -eq 0 ] || say "the history was not rebuilt (exit code $code)"
    first=$kept
}

# a verdict is of this attempt or there is none
if ! rm -rf -- "$attempt" "$week/verdict.json" "$week/junit.xml"; then
    leave 6 "$week: the verdict before can't be removed"
fi

set -- --campaign "$CAMPAIGN" --cache "$CACHE" --out "$attempt" --verbose
[ -z "$REGION" ] || set -- "$@" --region "$REGION"
[ -z "$ENDPOINT" ] || set -- "$@" --endpoint "$ENDPOINT"
[ -z "$ENDPOINT_NAME" ] || set -- "$@" --endpoint-name "$ENDPOINT_NAME"
[ -z "$MAX_CALLS" ] || set -- "$@" --max-calls "$MAX_CALLS"
step run "$@" -- "$DATASET"
ran=$code

# scores of an earlier attempt stay until there are new ones: the week may be the baseline
if ! [ -f "$attempt/scores.parquet" ] || ! [ -f "$attempt/run.json" ]; then
    note "the run left no scores: there is nothing to report and to judge" "the run left no scores (exit code $ran)"
    ! [ -f "$RUNS/history.parquet" ] || rebuild_history # without the verdict of the attempt before
    leave 6 "run $ran, no report, no gate"
fi
if ! { mkdir -p -- "$week" && rm -f -- "$week/report.html" &&
    mv -f -- "$attempt/scores.parquet" "$attempt/run.json" "$week/"; }; then
    leave 6 "$week: the scores can't be written"
fi
say "the scores are in $week now"

step report --output "$week/report.html" -- "$week"
reported=$code

if [ -n "$BASELINE" ]; then
    set -- --baseline "$BASELINE" --config "$GATE" --json "$week/verdict.json" --junit "$week/junit.xml"
    [ -z "$SUMMARY" ] || set -- "$@" --github-summary "$SUMMARY"
    step gate "$@" -- "$week"
    gated="gate $code"
    [ -f "$week/verdict.json" ] || note "the gate gave no verdict" "the gate gave no verdict (exit code $code)"
else
    gated="no gate"
    note "no baseline yet, so nothing was judged; look at $week/report.html, and where it is as it should be:
    $FINAUTH_EVAL baseline accept '$week' --reason 'why'" "no baseline yet, so nothing was judged"
fi

rebuild_history
leave 0 "run $ran, report $reported, $gated"
