#!/usr/bin/env bash
# The study on a real SLURM of one node, compared digit by digit with the same study run locally.
#
#   tests/slurm/run.sh --yes
#
# For a disposable Debian or Ubuntu machine, as root, in a clone whose .venv is installed. It installs the packages slurm-wlm
# and munge and leaves them installed. Configuration, key, logs and results are in one temporary folder, which stays;
# /etc/slurm/slurm.conf links to it until the end. The daemons run without systemd, as in a container, and are stopped.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export PATH="$repository/.venv/bin:$PATH"

refuse() {
  echo "tests/slurm/run.sh: $1" >&2
  exit 2
}

# --- Refuse where something could be overwritten -----------------------------------------------------------------------
[[ "${1:-}" == "--yes" ]] || refuse "installs slurm-wlm and munge with apt-get; to do so on this machine, add --yes"
[[ "$(id -u)" == 0 ]] || refuse "must run as root, to install packages and start the daemons"
command -v apt-get >/dev/null || refuse "needs Debian or Ubuntu, but there is no apt-get"
command -v snakemake >/dev/null || refuse "needs the environment of the study: run make .venv/.installed first"
for daemon in munged slurmctld slurmd; do
  ! pgrep -x "$daemon" >/dev/null || refuse "$daemon runs on this machine already"
done
for file in ${SLURM_CONF:+"$SLURM_CONF"} /etc/slurm/slurm.conf /etc/slurm-llnl/slurm.conf; do
  [[ ! -e "$file" && ! -L "$file" ]] || refuse "SLURM is configured on this machine already, in $file"
done

# --- Install -----------------------------------------------------------------------------------------------------------
echo "Installing slurm-wlm and munge"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends slurm-wlm munge >/dev/null

# --- Start munged, slurmctld and slurmd --------------------------------------------------------------------------------
folder="$(mktemp -d /tmp/zslcore-slurm.XXXXXX)"
chmod 755 "$folder"  # munged wants its socket to be reachable
mkdir "$folder"/{log,state,spool,slurm,local}
node="$(slurmd -C | head -n 1)"  # NodeName=... CPUs=... RealMemory=...
host="${node#NodeName=}" host="${host%% *}"
sed "s|@HOST@|$host|; s|@NODE@|$node|; s|@FOLDER@|$folder|" "$repository/tests/slurm/slurm.conf" > "$folder/slurm.conf"
ln -s "$folder/slurm.conf" /etc/slurm/slurm.conf  # not SLURM_CONF, which Snakemake's jobs do not get
unset SLURM_CONF

daemons=()
stop() {
  scancel --user root 2>/dev/null || true
  rm -f /etc/slurm/slurm.conf
  for ((number = ${#daemons[@]} - 1; number >= 0; number--)); do
    kill "${daemons[number]}" 2>/dev/null || true
    wait "${daemons[number]}" 2>/dev/null || true
  done
}
trap stop EXIT

(umask 077 && head -c 1024 /dev/urandom > "$folder/munge.key")
munged --foreground --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
  --seed-file="$folder/munge.seed" --log-file="$folder/log/munged" >"$folder/log/munged.out" 2>&1 &
daemons+=($!)
slurmctld -D >"$folder/log/slurmctld" 2>&1 &
daemons+=($!)
slurmd -D -N "$host" >"$folder/log/slurmd" 2>&1 &
daemons+=($!)

for attempt in {1..60}; do
  [[ "$(sinfo --noheader --format=%t 2>/dev/null)" != idle ]] || break
  sleep 1
done
[[ "$(sinfo --noheader --format=%t)" == idle ]] || { echo "The node did not start, see $folder/log" >&2; exit 1; }
echo "$(sinfo --version) runs on $node; everything is in $folder"

# --- The study, through SLURM and locally ------------------------------------------------------------------------------
study() {  # study FOLDER OPTIONS...: in a folder of its own, nothing shared
  local place="$1" start=$SECONDS
  ZSLCORE_DATA="$place/data" ZSLCORE_CACHE="$place/cache" ZSLCORE_RUNS="$place/runs" \
    snakemake --snakefile "$repository/Snakefile" --directory "$place" "${@:2}" --config dataset=SYNTH seeds=1 \
    >"$place.log" 2>&1 || { tail -n 30 "$place.log" >&2; echo "Failed, see $place.log" >&2; exit 1; }
  echo "$(basename "$place"): $(grep -oE '^[0-9]+ of [0-9]+ steps' "$place.log" | tail -n 1) in $((SECONDS - start)) s"
}

# The node has no GPU, few CPUs and little memory. --set-resources replaces all of the profile's, so runtime is the default.
small=(--set-resources features:gpu=0 train:gpu=0 --default-resources runtime=60 mem_mb=3000 --set-threads features=1 train=1)
study "$folder/slurm" --workflow-profile "$repository/profiles/slurm" "${small[@]}" --slurm-status-command squeue
study "$folder/local" --cores all

python "$repository/tests/slurm/same_digits.py" "$folder/slurm" "$folder/local"
