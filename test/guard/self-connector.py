"""python3 self-connector.py PORT COUNT: connects to PORT until it meets itself, COUNT times; needs a narrow range.
Prints JSON: how each connection ended, whether the service could bind right after, and how often own bytes were read."""
import json
import socket
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
seen = {'ends': {}, 'binds': {}, 'ownBytes': 0}


def note(kind, what):
    seen[kind][what] = seen[kind].get(what, 0) + 1


for _ in range(count):
    while True:
        s = socket.socket()
        s.settimeout(5)
        try:
            s.connect(('127.0.0.1', port))
            break
        except ConnectionRefusedError:
            s.close()
        except ConnectionAbortedError:
            # It was destroyed before connect() returned.
            break
    try:
        s.sendall(b'hello')
        if s.recv(5):
            seen['ownBytes'] += 1
        s.recv(1)
        note('ends', 'closed')
    except OSError as error:
        # What was destroyed before it was connected has no other end (ENOTCONN), and may raise SIGPIPE's error.
        note('ends', 'ConnectionAbortedError' if error.errno in (32, 103, 107) else type(error).__name__)
    service = socket.socket()
    try:
        service.bind(('127.0.0.1', port))
        note('binds', 'bound')
    except OSError as error:
        note('binds', type(error).__name__)
    service.close()
    s.close()
print(json.dumps(seen))
