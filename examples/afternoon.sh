#!/usr/bin/env bash
# An afternoon with UCF101 as distributed: look at the data, search, train, train on, evaluate, classify an own video.
#
#   examples/afternoon.sh UCF-101 video.mp4
#   SPACE=std:tiny SEARCH="--epochs 4" EPOCHS=2 examples/afternoon.sh UCF-101 video.mp4 --device cpu
#
# Every line can be typed on its own, and goes on where it was after an interruption. Options after the video are those
# of all commands that compute.
set -euo pipefail

DATA="$1" VIDEO="$2" SPACE="${SPACE:-std:tiny}" EPOCHS="${EPOCHS:-50}" SEARCH="${SEARCH:-}" TRAIN="${TRAIN:-}"
LOG="${LOG:---log wandb}" # LOG=" " for no tracker
export WANDB_MODE="${WANDB_MODE:-offline}"
shift 2

tsdsl data index "$DATA"
tsdsl search "$SPACE" --data "$DATA" --run afternoon $SEARCH $LOG "$@"
tsdsl train afternoon --epochs "$EPOCHS" $TRAIN $LOG "$@"
tsdsl train afternoon/train --epochs "$((EPOCHS + 10))" $LOG "$@"
tsdsl eval afternoon/train --split test --views 10x1 "$@"
tsdsl predict afternoon/train "$VIDEO" --top 3 "$@"
tsdsl runs list afternoon
tsdsl report afternoon
