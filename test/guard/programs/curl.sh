# sh curl.sh PORT COUNT: fetches from a port of 127.0.0.1 until COUNT fetches met something; prints how they ended.
count=0 tries=0
while [ "$count" -lt "$2" ] && [ "$tries" -lt 2000 ]; do
  said=$(curl -sS -m 3 "http://127.0.0.1:$1/" 2>&1)
  code=$?
  tries=$((tries + 1))
  case $said in *HTTP/0.9*) count=$((count + 1)); echo "own $code" ;; *timed*) count=$((count + 1)); echo "stuck" ;; esac
done
