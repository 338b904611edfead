#!/usr/bin/env bash
# Run a command of tsdsl on all GPUs of this machine. After an interruption, the same command continues.
#
#   examples/torchrun.sh search std:auto_tsnet --data /data/kinetics --run runs/auto_tsnet
#   examples/torchrun.sh train runs/auto_tsnet --workers 8
#   PROCESSES=2 examples/torchrun.sh search std:tiny --data clips --device cpu    # without GPUs
#
# RESTARTS limits how often torchrun restarts all processes if one dies; they continue from the last checkpoint.
set -euo pipefail

# `--` separates the options of the command: torchrun would take --run as short for --run-path.
exec torchrun --standalone --nproc-per-node="${PROCESSES:-gpu}" --max-restarts="${RESTARTS:-3}" -m -- tsdsl "$@"
