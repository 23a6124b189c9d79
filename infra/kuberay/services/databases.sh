#!/bin/sh
# Run once by the Postgres image, on an empty volume: a role and a database for each user of it.
set -eu

create() {
    psql --quiet --no-password --username=postgres --set=ON_ERROR_STOP=1 \
        --set=role="$1" --set=database="$2" --set=password="$(cat "$3")" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
}

create commonspace events /run/secrets/events_password
create mlflow mlflow /run/secrets/mlflow_password
