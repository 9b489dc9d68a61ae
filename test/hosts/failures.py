"""Fails to connect in ten ways, in random order and under load, and prints the truth: a JSON object a line.

    unshare -n python3 failures.py COUNT_OF_EACH

Makes a second network namespace for the servers. Prints "ready" and waits for a line before it begins, "done" at the end.
"""
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time

COUNT = int(sys.argv[1])
CLIENT, SERVER, STRANGE, GONE = "10.77.0.1", "10.77.0.2", "10.78.0.1", "10.77.0.9"


def run(*command):
    subprocess.run(command, check=True)


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))


SERVERS = """
import socket, struct, sys, threading
def serve(port, backlog, handle):
    s = socket.create_server(("10.77.0.2", port), backlog=backlog)
    def loop():
        while True:
            handle(s.accept()[0])
    if handle: threading.Thread(target=loop, daemon=True).start()
    return s
def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); c.close()
kept = [serve(8080, 1024, lambda c: c.close()), serve(8007, 1024, reset), serve(8004, 1, None), serve(8010, 128, lambda c: c.close())]
print("up", flush=True)
sys.stdin.read()
"""


def set_up():
    run("ip", "link", "set", "lo", "up")
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()

    def inside(*command):
        run("nsenter", "-t", str(holder.pid), "-n", *command)

    run("ip", "link", "add", "c0", "type", "veth", "peer", "name", "s0", "netns", str(holder.pid))
    run("ip", "addr", "add", CLIENT + "/24", "dev", "c0")
    run("ip", "addr", "add", STRANGE + "/32", "dev", "lo")
    run("ip", "link", "set", "c0", "up")
    inside("ip", "link", "set", "lo", "up")
    inside("ip", "addr", "add", SERVER + "/24", "dev", "s0")
    inside("ip", "link", "set", "s0", "up")
    # Answers to the strange address would go another way than its SYNs come.
    inside("ip", "route", "add", STRANGE + "/32", "dev", "lo")
    inside("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.s0.rp_filter=1", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
    run("ip", "neigh", "add", GONE, "lladdr", "02:00:00:00:00:99", "dev", "c0")
    inside(
        "nft",
        "table inet t { chain i { type filter hook input priority 0; tcp dport 8001 drop; "
        "tcp dport 8005 reject with icmpx admin-prohibited; tcp dport 8006 reject with tcp reset; }; }",
    )
    servers = subprocess.Popen(
        ["nsenter", "-t", str(holder.pid), "-n", sys.executable, "-c", SERVERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    servers.stdout.readline()
    return holder, servers


kept = []


def begin(target, source=None, count=1):
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, 7, count)  # TCP_SYNCNT
    client.bind((source or CLIENT, 0))
    client.connect_ex(target)
    kept.append(client)
    return client


def truth(kind, source, target):
    print(json.dumps({"kind": kind, "from": "%s:%d" % source, "to": "%s:%d" % target, "pid": os.getpid()}), flush=True)


def plain(kind, target, source=None):
    client = begin(target, source)
    truth(kind, client.getsockname(), target)


def itself():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.bind(("127.0.0.1", 0))
    address = client.getsockname()
    client.connect(address)
    client.close()
    truth("itself", address, address)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


raw_port = [20000]


def bad_checksum(raw):
    raw_port[0] += 1
    head = struct.pack("!HHIIBBH", raw_port[0], 8010, 7, 0, 5 << 4, 2, 65535)
    pseudo = socket.inet_aton(CLIENT) + socket.inet_aton(SERVER) + struct.pack("!BBH", 0, 6, 20)
    tcp = head + struct.pack("!HH", checksum(pseudo + head + b"\0\0\0\0") ^ 0x1234, 0)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + socket.inet_aton(CLIENT) + socket.inet_aton(SERVER)
    raw.sendto(ip + tcp, (SERVER, 0))
    truth("checksum", (CLIENT, raw_port[0]), (SERVER, 8010))


def load(stop):
    while not stop.is_set():
        try:
            socket.create_connection((SERVER, 8080), timeout=2).close()
        except OSError:
            pass
        time.sleep(0.003)


holder, servers = set_up()
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
kinds = {
    "firewall": lambda: plain("firewall", (SERVER, 8001)),
    "reverse-path": lambda: plain("reverse-path", (SERVER, 8080), STRANGE),
    "no-socket": lambda: plain("no-socket", (SERVER, 8003)),
    "queue-full": lambda: plain("queue-full", (SERVER, 8004)),
    "icmp": lambda: plain("icmp", (SERVER, 8005)),
    "refused": lambda: plain("refused", (SERVER, 8006)),
    "reset": lambda: plain("reset", (SERVER, 8007)),
    "no-answer": lambda: plain("no-answer", (GONE, 80)),
    "itself": itself,
    "checksum": lambda: bad_checksum(raw),
}
for _ in range(2):
    kept.append(socket.create_connection((SERVER, 8004)))
print("ready", flush=True)
sys.stdin.readline()
stop = threading.Event()
busy = threading.Thread(target=load, args=(stop,))
busy.start()
order = list(kinds) * COUNT
random.Random(7).shuffle(order)
for kind in order:
    kinds[kind]()
    time.sleep(0.002)
time.sleep(4)
stop.set()
busy.join()
print("done", flush=True)
sys.stdin.readline()
for child in (servers, holder):
    child.kill()
