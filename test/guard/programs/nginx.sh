# sh nginx.sh PORT COUNT: nginx is a proxy for a dead server on a port of 127.0.0.1; prints what it says beside "refused".
folder=$(mktemp -d)
cat > "$folder/conf" <<END
daemon off; pid $folder/pid; error_log $folder/error; worker_processes 1;
events { worker_connections 100; }
http { access_log off; server { listen 127.0.0.1:8081; location / {
  proxy_pass http://127.0.0.1:$1; proxy_read_timeout 4s; proxy_connect_timeout 1s; } } }
END
nginx -c "$folder/conf" 2>/dev/null &
nginx=$!
sleep 1
tries=0
while [ "$tries" -lt "$2" ]; do
  curl -s -m 6 -o /dev/null http://127.0.0.1:8081/
  tries=$((tries + 1))
done
kill "$nginx"
grep -v refused "$folder/error" | grep -oE 'sent no valid HTTP/1.0 header|timed out \(110|failed \(103: [A-Za-z ]*\)'
rm -r "$folder"
