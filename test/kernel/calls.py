"""Makes the socket calls of sequences read as JSON from stdin, on the real kernel, and prints what each returned."""
import errno
import fcntl
import json
import select
import socket
import struct
import sys
import time


def run(sequence):
    sockets = {}
    return [call(sockets, *step) for step in sequence]


def call(sockets, op, name, *args):
    try:
        result = one(sockets, op, name, args)
    except OSError as error:
        result = -error.errno
    except KeyError:
        result = "none"
    # Loopback delivers at once; what else the kernel defers is over in a moment.
    if op in ("connect", "close", "shutdown", "send"):
        time.sleep(0.002)
    return result


def one(sockets, op, name, args):
    if op == "socket":
        sockets[name] = socket.socket(args[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
        return 0
    if op == "accept":
        listener = sockets[args[0]]
        child, _ = listener.accept()
        child.setblocking(False)
        sockets[name] = child
        return 0
    if op == "close":
        sockets.pop(name).close()
        return 0
    it = sockets[name]
    if op == "bind":
        it.bind(tuple(args))
    elif op == "listen":
        it.listen(args[0])
    elif op == "connect":
        return -it.connect_ex(tuple(args))
    elif op == "send":
        return it.send(bytes(args[0]), socket.MSG_NOSIGNAL | args[1])
    elif op == "recv":
        return len(it.recv(args[0], args[1]))
    elif op == "shutdown":
        it.shutdown(args[0])
    elif op == "set":
        it.setsockopt(*args)
    elif op == "linger":
        it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, args[0]))
    elif op == "get":
        return it.getsockopt(*args)
    elif op == "poll":
        poller = select.poll()
        poller.register(it.fileno(), args[0])
        found = poller.poll(0)
        return found[0][1] if found else 0
    elif op == "queued":
        return struct.unpack("i", fcntl.ioctl(it.fileno(), 0x541B, b"\0" * 4))[0]
    elif op == "port":
        return it.getsockname()[1]
    elif op == "peer":
        return it.getpeername()[1]
    else:
        raise ValueError(op)
    return 0


print(json.dumps([run(sequence) for sequence in json.load(sys.stdin)]))
