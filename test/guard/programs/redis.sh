# sh redis.sh PORT SECONDS: redis is the replica of a dead master on a port of 127.0.0.1; prints what it says of it.
folder=$(mktemp -d)
timeout "$2" redis-server --port 6379 --save '' --dir "$folder" --replicaof 127.0.0.1 "$1" --logfile "$folder/log"
grep -oE 'Error (reply to PING|condition on socket).*' "$folder/log"
rm -r "$folder"
