#!/bin/sh
# Writes the user list from the secret into memory, and becomes PgBouncer.
# PGBOUNCER_USER: the user. PGBOUNCER_PASSWORD_FILE, or PGBOUNCER_PASSWORD: their password.
set -eu

if [ -n "${PGBOUNCER_PASSWORD_FILE:-}" ]; then
  password=$(cat "$PGBOUNCER_PASSWORD_FILE")
else
  password=${PGBOUNCER_PASSWORD:?or PGBOUNCER_PASSWORD_FILE}
fi

umask 077
# In this file a quote is written twice.
printf '"%s" "%s"\n' "${PGBOUNCER_USER:?is missing}" "$(printf '%s' "$password" | sed 's/"/""/g')" \
  > /tmp/userlist.txt
unset password PGBOUNCER_PASSWORD
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
