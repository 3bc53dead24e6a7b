#!/usr/bin/env bash
# Trains under Slurm, one task a process:
#   sbatch --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 launchers/slurm.sh RECIPE [section.key=value ...]
# Two minutes before its time is up the job gets SIGTERM, saves and ends; submitted again, it resumes.
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
set -euo pipefail
if [ $# -lt 1 ]; then
    echo "usage: sbatch [--nodes=N] [--ntasks-per-node=M] $0 RECIPE [--tiny] [section.key=value ...]" >&2
    exit 2
fi

# sed reads to the end: under pipefail `head` would end scontrol, and the job, by a broken pipe.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
export MASTER_ADDR
export MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# srun hands the signal to every task; it may come before srun is there.
steps= stopped=
hand_on() {
    stopped=1
    [ -z "$steps" ] || kill -TERM "$steps" 2>/dev/null || true
}
trap hand_on TERM INT

# Slurm counts the ranks; torch reads them under these names.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 bash -c '
    export RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID
    export LOCAL_WORLD_SIZE=$((SLURM_NTASKS / SLURM_NNODES))
    exec python -m zoo train "$@"
' zoo "$@" &
steps=$!
[ -z "$stopped" ] || hand_on

# Waiting goes on until the tasks have saved.
code=0
wait "$steps" || code=$?
while kill -0 "$steps" 2>/dev/null; do
    code=0
    wait "$steps" || code=$?
done
exit "$code"
