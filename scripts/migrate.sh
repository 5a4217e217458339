#!/bin/sh
# Waits for the database, migrates it, and becomes the command that it is given, if any.
#
#   migrate.sh                  # a job of its own
#   migrate.sh todo serve       # before the server, in one container
#
# DATABASE_URL (or DATABASE_URL_FILE) should be the direct one, past any pooler.
# MIGRATE_WAIT_SECONDS: how long the database may take to answer.
set -eu

wellhead wait --timeout "${MIGRATE_WAIT_SECONDS:-60}"
todo migrate
[ "$#" -eq 0 ] || exec "$@"
