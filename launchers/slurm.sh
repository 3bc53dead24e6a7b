#!/usr/bin/env bash
# Trains under Slurm, one task a process:
#   sbatch --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 launchers/slurm.sh RECIPE [section.key=value ...]
# Two minutes before its time is up the job gets USR1: it saves, ends and is requeued, where it resumes.
# A save that takes longer needs an earlier signal: sbatch --signal=B:USR1@600; --no-requeue ends it there.
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
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
steps= stopped= out_of_time=
hand_on() {
    stopped=1
    [ -z "$steps" ] || kill -TERM "$steps" 2>/dev/null || true
}
trap hand_on TERM INT
trap 'out_of_time=1; hand_on' USR1

# Slurm counts the ranks; torch reads them under these names.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 bash -c '
    export RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID
    exec python -m zoo "${ZOO_VERB:-train}" "$@"
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

# 128 + SIGTERM: stopped and saved. What is done, refused or failed is not tried again.
if [ -n "$out_of_time" ] && [ "$code" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID" || echo "not requeued: submitted again, the job resumes" >&2
fi
exit "$code"
