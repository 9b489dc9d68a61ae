"""python3 bystanders.py COUNT: that many connections between two sockets of 127.0.0.1, each with a line there and back.
Half of them leave from the number of a port that another listener has on another address. Prints how many went wrong."""
import socket
import sys

count = int(sys.argv[1])
server = socket.socket()
server.bind(('127.0.0.1', 0))
server.listen(64)
port = server.getsockname()[1]
wrong = 0
for i in range(count):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if i % 2:
        # Both ports are the same, and the addresses are not.
        client.bind(('127.0.0.%d' % (2 + i % 200), port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    try:
        client.connect(('127.0.0.1', port))
        there, _ = server.accept()
        client.sendall(b'x')
        there.sendall(there.recv(1))
        if client.recv(1) != b'x':
            wrong += 1
        client.close()
        there.close()
    except OSError:
        wrong += 1
print(wrong)
