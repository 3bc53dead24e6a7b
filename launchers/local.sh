#!/usr/bin/env bash
# Trains on this machine: launchers/local.sh PROCESSES RECIPE [--tiny] [section.key=value ...]
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 PROCESSES RECIPE [--tiny] [section.key=value ...]" >&2
    exit 2
fi
processes=$1
shift
exec torchrun --standalone --nproc_per_node "$processes" -m zoo train "$@"
