#!/bin/sh
# Makes what is missing in the folder of secrets, at random; what is there stays as it is.
# usage: make-secrets.sh [FOLDER]
set -eu

folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
# the folder keeps others on this machine out; the files are read in containers by other users
chmod 700 "$folder"
umask 022

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

keep() { # NAME VALUE
    [ -s "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
}

for name in ray_token events_password mlflow_password postgres_password milvus_password \
    minio_password grafana_password; do
    keep "$name" "$(random)"
done
keep minio_user commonspace
keep milvus_token "root:$(cat "$folder/milvus_password")"
keep minio_credentials "[default]
aws_access_key_id = $(cat "$folder/minio_user")
aws_secret_access_key = $(cat "$folder/minio_password")
"
# once the service runs: commonspace keys create --name prometheus --scope read
keep metrics_key none
