#!/bin/sh
exec mariadb-admin --user="$MARIADB_USER" --password="$MARIADB_PASSWORD" --host=127.0.0.1 ping
