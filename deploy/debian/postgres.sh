#!/bin/sh
# Makes the cluster on the first start, as the registry's image does, and becomes the server.
set -eu

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
options="-c listen_addresses=* -c unix_socket_directories=/var/run/postgresql"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=$(mktemp)
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    cat "$POSTGRES_PASSWORD_FILE" > "$password"
  else
    printf '%s' "${POSTGRES_PASSWORD:?or POSTGRES_PASSWORD_FILE}" > "$password"
  fi
  # shellcheck disable=SC2086 # arguments are separate words
  initdb --username="$user" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --no-sync ${POSTGRES_INITDB_ARGS:-}
  rm "$password"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\"" | postgres --single -jE -D "$PGDATA" postgres
  fi
fi

# shellcheck disable=SC2086 # options are separate words
[ "${1:-}" != postgres ] || shift
exec postgres $options "$@"
