# sh haproxy.sh PORT SECONDS: haproxy checks a dead server on a port of 127.0.0.1; prints each verdict.
folder=$(mktemp -d)
cat > "$folder/cfg" <<END
defaults
  mode tcp
  timeout connect 1s
  timeout client 5s
  timeout server 5s
listen l
  bind 127.0.0.1:8080
  server s1 127.0.0.1:$1 check inter 10ms rise 1 fall 1
END
timeout "$2" haproxy -f "$folder/cfg" 2>&1 | grep -oE 'is (UP|DOWN)'
rm -r "$folder"
