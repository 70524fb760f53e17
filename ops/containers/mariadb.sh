#!/bin/sh
# As the image of that name does: a database and its user at the first start, then the server.
set -eu
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --skip-test-db >/dev/null
  cat > /tmp/init.sql <<SQL
CREATE DATABASE $MARIADB_DATABASE;
CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON $MARIADB_DATABASE.* TO '$MARIADB_USER'@'%';
SQL
  exec mariadbd --bind-address=0.0.0.0 --init-file=/tmp/init.sql
fi
exec mariadbd --bind-address=0.0.0.0
