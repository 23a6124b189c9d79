"""The cluster of `infra/compose` without containers: the same commands, settings and checks.

`make check-cluster` starts it on this machine, walks a user's way through it and writes what that
took. What can't run here has a stand-in: Milvus is the server of Milvus Lite, Postgres is Debian's
on a socket, MinIO is a folder.
"""
