#!/bin/sh
# TorchServe's `--python`. Leaves a file for each worker before anything of it is loaded, so that one
# that dies within milliseconds is counted as well; process.py and starts.py read it. It stays the
# same process: TorchServe and the health monitor know a worker by its id.
case "$1" in
*/model_service_worker.py)
    : >"$TMPDIR/lesionlens-start-$$"
    # Without -P, modules of this folder would hide others of the same name.
    exec "$LESIONLENS_WORKER_PYTHON" -P "${0%/*}/worker.py" "$@"
    ;;
esac
exec "$LESIONLENS_WORKER_PYTHON" "$@"
