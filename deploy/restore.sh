#!/bin/bash
# To a moment: restore.sh BACKUP LOGS "YYYY-MM-DD HH:MM:SS" [DATABASE]
#
# Reads a file of backup.sh into an empty database, then does again what the binary logs in the
# folder LOGS have from there on until the moment (UTC), which itself is not done any more. As root
# of the new server, named in ~/.my.cnf; what comes next is in docs/runbook.md.
set -euo pipefail
backup=${1:?which backup} logs=${2:?where the binary logs are} moment=${3:?until when, UTC}
database=${4:-hongbao}

place=$(gzip -dc "$backup" | sed -n "s/^-- CHANGE MASTER TO MASTER_LOG_FILE='\(.*\)', MASTER_LOG_POS=\([0-9]*\);$/\1 \2/p")
[ -n "$place" ] || { echo "$backup does not say to which place of the log it belongs" >&2; exit 1; }
read -r first position <<< "$place"
[ -f "$logs/$first" ] || { echo "$logs has no $first" >&2; exit 1; }
later=() number=$((10#${first##*.}))
for file in "$logs/${first%.*}".[0-9]*; do
    [[ ! ${file##*/} < $first ]] || continue
    [ "$((10#${file##*.}))" = "$number" ] || { echo "$logs has no log number $number" >&2; exit 1; }
    later+=("$file") number=$((number + 1))
done

mariadb -e "CREATE DATABASE IF NOT EXISTS \`$database\` CHARACTER SET utf8mb4"
tables=$(mariadb -N -e "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$database'")
[ "$tables" = 0 ] || { echo "$database has $tables tables: an empty one is needed" >&2; exit 1; }

gzip -dc "$backup" | mariadb "$database"
TZ=UTC0 mariadb-binlog --database="$database" --start-position="$position" --stop-datetime="$moment" "${later[@]}" \
    | mariadb --binary-mode "$database"
echo "$database is as it was before $moment UTC"
