#!/bin/sh
# Starts Signalbox in a container. Replicas of one database share one root secret: it is handed in as the secret root.key and put into
# the data folder once, with the rights Signalbox wants it to have. Without it the first start makes one (one machine, SQLite).
set -eu
umask 077
handed_in=${ROOT_KEY_FILE:-/run/secrets/root.key}
if [ ! -e "$SIGNALBOX_DATA_DIR/root.key" ] && [ -r "$handed_in" ]; then
    cat "$handed_in" > "$SIGNALBOX_DATA_DIR/.root.key.new"
    mv "$SIGNALBOX_DATA_DIR/.root.key.new" "$SIGNALBOX_DATA_DIR/root.key"
fi
exec python manage.py "$@"
