#!/bin/bash
# A backup beside traffic: backup.sh FOLDER [DATABASE]
#
# One consistent view, taken without a lock that anybody waits for, and the place in the binary log
# that it belongs to. Prints the file. As an account with SELECT, SHOW VIEW, TRIGGER, BINLOG MONITOR
# and RELOAD, named in ~/.my.cnf.
set -euo pipefail
umask 077
folder=${1:?where to} database=${2:-hongbao}
file=$folder/$database-$(date -u +%Y%m%dT%H%M%SZ).sql.gz

mariadb-dump --single-transaction --master-data=2 --no-tablespaces "$database" | gzip > "$file.half"
gzip -dc "$file.half" | tail -n 1 | grep -q '^-- Dump completed'
mv "$file.half" "$file"
echo "$file"
