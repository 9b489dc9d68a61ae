"""Makes the network namespace it runs in sick in one way, says so, and keeps it sick until its input ends.

    unshare -n python3 provoke.py SCENARIO

Prints "ready" and the process number when the doctor can look. Scenarios whose counters must grow while somebody looks
go on provoking until then.
"""
import os
import select
import socket
import struct
import subprocess
import sys
import time

kept = []  # sockets and children that must live until the end
KEEP = "192.0.2.1"  # an address of this host on a link that swallows everything
GONE = "192.0.2.9"  # an address on that link, where nobody is


def run(*command):
    subprocess.run(command, check=True)


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))


def swallowing_link():
    """A link of whose packets none arrives anywhere."""
    run("ip", "link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
    run("ip", "addr", "add", KEEP + "/24", "dev", "gone0")
    run("ip", "link", "set", "gone1", "up")
    run("ip", "link", "set", "gone0", "arp", "off", "up")  # sends to nobody's address without asking


def listen(port, backlog=128, host="127.0.0.1", family=socket.AF_INET):
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen(backlog)
    kept.append(server)
    return server


def begin(host, port):
    """Starts to connect and does not wait."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex((host, port))
    kept.append(client)
    return client


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, sport, target, dport, seq, ack, flags, options=b""):
    """An IPv4 packet with a TCP segment and no data."""
    length = 20 + len(options)
    head = struct.pack("!HHIIBBH", sport, dport, seq, ack, length // 4 << 4, flags, 65535)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, length)
    tcp = head + struct.pack("!HH", checksum(pseudo + head + b"\0\0\0\0" + options), 0) + options
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 6, 0)
    return ip + socket.inet_aton(source) + socket.inet_aton(target) + tcp


def raw_socket():
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    kept.append(raw)
    return raw


def forged_syns(raw, target, port, first, count):
    """SYNs from addresses that never answer."""
    for number in range(first, first + count):
        source = "192.0.2.%d" % (10 + number % 200)
        raw.sendto(segment(source, 1024 + number % 60000, target, port, number, 0, 2), (target, 0))


# Each scenario sets up and gives back what to do again and again while somebody looks, or None.


def healthy():
    """A service that is used: new connections all the time, each closed in order."""
    server = listen(8080)
    listen(8080, host="::1", family=socket.AF_INET6)
    swallowing_link()

    def again():
        client = socket.create_connection(("127.0.0.1", 8080))
        accepted, _ = server.accept()
        client.sendall(b"x" * 3000)
        while accepted.recv(4096) == b"":
            pass
        client.close()
        accepted.close()

    return again


def settings():
    sysctl("net.core.somaxconn", 128)
    sysctl("net.ipv4.tcp_max_syn_backlog", 64)
    sysctl("net.ipv4.tcp_syncookies", 0)
    sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    sysctl("net.ipv4.tcp_timestamps", 0)
    sysctl("net.ipv4.tcp_window_scaling", 0)
    sysctl("net.ipv4.tcp_sack", 0)
    sysctl("net.ipv4.ip_local_port_range", "30000 60999")


def listeners():
    listen(50000)
    listen(50001)
    listen(50002, host="::1", family=socket.AF_INET6)
    listen(31000)


def listeners_reserved():
    sysctl("net.ipv4.ip_local_reserved_ports", "50000-50001")
    listen(50000)
    listen(50001)


def connect_to_self(family, host, port):
    client = socket.socket(family)
    client.bind((host, port))
    client.connect((host, port))
    return client


def self_connected():
    kept.append(connect_to_self(socket.AF_INET, "127.0.0.1", 50000))
    kept.append(connect_to_self(socket.AF_INET6, "::1", 50002))
    connect_to_self(socket.AF_INET, "127.0.0.1", 50004).close()  # leaves TIME-WAIT


def accept_queue():
    listen(8080, backlog=1)
    return lambda: begin("127.0.0.1", 8080)


def syn_flood(cookies):
    sysctl("net.ipv4.tcp_syncookies", cookies)
    swallowing_link()
    listen(8080, backlog=16, host=KEEP)
    raw = raw_socket()
    sent = [0]

    def again():
        forged_syns(raw, KEEP, 8080, sent[0], 20)
        sent[0] += 20

    for _ in range(10):
        again()
    return again


def half_open():
    swallowing_link()
    listen(8080, host=KEEP)
    forged_syns(raw_socket(), KEEP, 8080, 0, 20)
    time.sleep(1.3)  # the first SYN,ACK is sent again after a second


def no_answer():
    swallowing_link()

    def again():
        begin(GONE, 8080)

    until = time.monotonic() + 2.4  # two retransmissions take two seconds
    while time.monotonic() < until:
        again()
        time.sleep(0.05)
    return again


def connect_timeout(retries):
    """Measures how long a connect() takes to fail that nobody answers."""
    sysctl("net.ipv4.tcp_syn_retries", retries)
    swallowing_link()
    begun = time.monotonic()
    try:
        socket.create_connection((GONE, 8080))
    except OSError as error:
        print("measured", time.monotonic() - begun, error.strerror, flush=True)


def few_ports(connections):
    sysctl("net.ipv4.ip_local_port_range", "40000 40009")
    server = listen(8080)
    for _ in range(connections):
        kept.append(socket.create_connection(("127.0.0.1", 8080)))
        kept.append(server.accept()[0])
    if connections == 10:
        try:
            socket.create_connection(("127.0.0.1", 8080))
        except OSError as error:
            print("the next connect fails: %s" % error.strerror, flush=True)


def time_wait_overflow():
    sysctl("net.ipv4.tcp_max_tw_buckets", 2)
    server = listen(8080)

    def again():
        client = socket.create_connection(("127.0.0.1", 8080))
        accepted, _ = server.accept()
        client.close()
        accepted.close()

    return again


def last_segment(sniffer, sport):
    """Sequence number, acknowledgment and TSval of the newest segment from a port."""
    found = None
    while select.select([sniffer], [], [], 0.05)[0]:
        packet = sniffer.recv(65535)
        tcp = packet[(packet[0] & 15) * 4 :]
        if struct.unpack("!H", tcp[:2])[0] != sport:
            continue
        seq, ack = struct.unpack("!II", tcp[4:12])
        options = tcp[20 : (tcp[12] >> 4) * 4]
        at = options.find(b"\x08\x0a")
        found = (seq, ack, struct.unpack("!I", options[at + 2 : at + 6])[0])
    return found


def strange_segments():
    """SYNs and segments with an old timestamp for a connection that lives."""
    sysctl("net.ipv4.tcp_invalid_ratelimit", 0)
    server = listen(8080)
    sniffer = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    kept.append(sniffer)
    client = socket.create_connection(("127.0.0.1", 8080))
    accepted, _ = server.accept()
    kept.extend([client, accepted])
    client.sendall(b"hello")
    accepted.recv(10)
    sport = client.getsockname()[1]
    seq, ack, stamp = last_segment(sniffer, sport)
    raw = raw_socket()
    old = b"\x01\x01\x08\x0a" + struct.pack("!II", (stamp - 100000) & 0xFFFFFFFF, 0)

    def again():
        raw.sendto(segment("127.0.0.1", sport, "127.0.0.1", 8080, seq + 5, 0, 2), ("127.0.0.1", 0))
        # PAWS does not judge a bare ACK that is in order (tcp_disordered_ack), but judges one with PSH and a later number.
        raw.sendto(
            segment("127.0.0.1", sport, "127.0.0.1", 8080, seq + 50, ack, 0x18, old), ("127.0.0.1", 0)
        )

    return again


def namespace():
    """A further network namespace; gives the number of the process that holds it."""
    child = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    kept.append(child)
    run("nsenter", "-t", str(child.pid), "-n", "ip", "link", "set", "lo", "up")
    return child.pid


def narrow_path(icmp):
    """This namespace, a router whose second hop carries 1300 bytes, and a host behind it."""
    router, host = namespace(), namespace()

    def inside(pid, *command):
        run("nsenter", "-t", str(pid), "-n", *command)

    run("ip", "link", "add", "left0", "type", "veth", "peer", "name", "left1", "netns", str(router))
    inside(router, "ip", "link", "add", "right0", "type", "veth", "peer", "name", "right1", "netns", str(host))
    run("ip", "addr", "add", "192.0.2.1/24", "dev", "left0")
    inside(router, "ip", "addr", "add", "192.0.2.2/24", "dev", "left1")
    inside(router, "ip", "addr", "add", "198.51.100.1/24", "dev", "right0")
    inside(host, "ip", "addr", "add", "198.51.100.2/24", "dev", "right1")
    run("ip", "link", "set", "left0", "up")
    inside(router, "ip", "link", "set", "left1", "up")
    # The host itself believes in 1500 bytes, or it would offer a smaller MSS.
    inside(router, "ip", "link", "set", "right0", "mtu", "1300", "up")
    inside(host, "ip", "link", "set", "right1", "up")
    inside(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    run("ip", "route", "add", "default", "via", "192.0.2.2")
    inside(host, "ip", "route", "add", "default", "via", "198.51.100.1")
    if not icmp:
        rules = "table ip t { chain o { type filter hook output priority 0; ip protocol icmp drop; }; }"
        inside(router, "nft", rules)
    server = "import socket; s = socket.create_server(('', 8080)); print(flush=True); c, _ = s.accept()\nwhile c.recv(65536): pass"
    child = subprocess.Popen(
        ["nsenter", "-t", str(host), "-n", sys.executable, "-c", server], stdout=subprocess.PIPE
    )
    kept.append(child)
    child.stdout.readline()
    client = socket.create_connection(("198.51.100.2", 8080))
    client.setblocking(False)
    client.send(b"x" * 20000)
    kept.append(client)
    time.sleep(1.2)  # time-outs after about 0.2, 0.6 and 1.4 s


def no_way_back():
    listen(8080)
    run("ip", "route", "add", "unreachable", "198.51.100.0/24")
    raw = raw_socket()
    port = [1024]

    def again():
        port[0] += 1
        raw.sendto(segment("198.51.100.7", port[0], "127.0.0.1", 8080, 1, 0, 2), ("127.0.0.1", 0))

    sysctl("net.ipv4.conf.lo.route_localnet", 1)
    return again


def no_route():
    def again():
        begin("203.0.113.1", 80)

    return again


def wire():
    """A link on whose other end packets can be put that come in here; gives a function that does."""
    run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
    run("ip", "addr", "add", "192.0.2.1/24", "dev", "wire0")
    run("ip", "link", "set", "wire0", "up")
    run("ip", "link", "set", "wire1", "up")
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("wire1", 0))
    kept.append(out)
    told = subprocess.run(["ip", "-o", "link", "show", "wire0"], capture_output=True, text=True, check=True).stdout
    address = told.split("link/ether ")[1].split()[0]
    head = bytes.fromhex(address.replace(":", "")) + b"\x02\0\0\0\0\x01" + b"\x08\0"

    def put(packet):
        # The IP checksum, which a raw socket would have filled in.
        packet = packet[:10] + struct.pack("!H", checksum(packet[:10] + b"\0\0" + packet[12:20])) + packet[12:]
        out.send(head + packet)

    return put


def reverse_path():
    put = wire()
    sysctl("net.ipv4.conf.all.rp_filter", 1)
    listen(8080, host="192.0.2.1")
    run("ip", "route", "add", "203.0.113.0/24", "dev", "lo")
    return lambda: put(segment("203.0.113.5", 40000, "192.0.2.1", 8080, 1, 0, 2))


def misrouted():
    put = wire()
    return lambda: put(segment("192.0.2.5", 40000, "203.0.113.77", 8080, 1, 0, 2))


def bad_checksum():
    put = wire()
    listen(8080, host="192.0.2.1")
    packet = segment("192.0.2.5", 40000, "192.0.2.1", 8080, 1, 0, 2)
    broken = packet[:36] + bytes([packet[36] ^ 0x55]) + packet[37:]
    return lambda: put(broken)


def nat_ports():
    swallowing_link()
    run("nft", "table ip t { chain p { type nat hook postrouting priority 100; ip protocol tcp masquerade to :50000-50003; }; }")
    return lambda: begin(GONE, 8080)


def silent_neighbour():
    run("ip", "link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
    run("ip", "addr", "add", KEEP + "/24", "dev", "gone0")
    run("ip", "link", "set", "gone1", "up")
    run("ip", "link", "set", "gone0", "up")
    return lambda: begin("192.0.2.50", 8080)


def out_of_descriptors():
    import resource

    server = listen(8080, backlog=2)
    run("true")
    for _ in range(4):
        begin("127.0.0.1", 8080)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError:
        pass
    kept.append(server)


def nearly_out_of_descriptors():
    import resource

    listen(8080)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
    while len(os.listdir("/proc/self/fd")) < 32:
        kept.append(open("/dev/null"))


def stopped():
    code = "import socket; s = socket.create_server(('127.0.0.1', 8080)); print(flush=True); s.accept()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    os.kill(child.pid, 19)
    kept.append(child)


def stuck():
    listen(8080)
    for _ in range(3):
        begin("127.0.0.1", 8080)


def one_of_two_stuck():
    """Two listeners share a port; one takes what comes, the other does not."""
    servers = []
    for _ in range(2):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 8080))
        server.listen(128)
        servers.append(server)
    kept.extend(servers)
    servers[0].setblocking(False)
    for _ in range(16):
        begin("127.0.0.1", 8080)

    def again():
        try:
            while True:
                kept.append(servers[0].accept()[0])
        except BlockingIOError:
            pass

    again()
    return again


def slow_accept():
    """A queue that is never empty, of a service that takes from it all the time."""
    server = listen(8080)
    for _ in range(3):
        begin("127.0.0.1", 8080)

    def again():
        begin("127.0.0.1", 8080)
        kept.append(server.accept()[0])
        if len(kept) > 200:
            for old in kept[4:104]:
                old.close()
            del kept[4:104]

    return again


def bound_ports(first):
    sysctl("net.ipv4.ip_local_port_range", "40000 40019")
    listen(8080, host="0.0.0.0")
    for number in range(20):
        client = socket.socket()
        if first:
            client.bind(("127.0.0.1", 0))
        client.connect(("127.0.0.%d" % (2 + number % 6), 8080))
        kept.append(client)


def firewall():
    listen(8080)
    run("nft", "table inet t { chain i { type filter hook input priority 0; tcp dport 8080 counter drop; }; }")
    return lambda: begin("127.0.0.1", 8080)


def firewall_of_strangers():
    listen(8080)
    run("nft", "table inet t { chain i { type filter hook input priority 0; tcp dport 23 counter drop; }; }")
    return lambda: begin("127.0.0.1", 23)


def keeps_connecting():
    sysctl("net.ipv4.ip_local_port_range", "50000 50003")

    def again():
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.connect_ex(("127.0.0.1", 50000))
        client.close()

    return again


def connects_below_the_range():
    def again():
        client = socket.socket()
        client.connect_ex(("127.0.0.1", 8080))
        client.close()

    return again


def router(policy, source):
    """Forwards, or not, what comes in by a link for an address behind another one."""
    put = wire()
    swallowing_link()
    run("ip", "route", "add", source + "/32", "dev", "wire0")
    run("ip", "route", "add", "198.51.100.0/24", "dev", "gone0")
    sysctl("net.ipv4.ip_forward", 1)
    run("nft", "table inet t { chain f { type filter hook forward priority 0; policy %s; }; }" % policy)
    port = [1024]

    def again():
        port[0] += 1
        put(segment(source, port[0], "198.51.100.9", 80, port[0], 0, 2))

    return again


def rejected():
    put = wire()
    run("ip", "addr", "add", "10.1.1.1/24", "dev", "wire0")
    listen(8080, host="0.0.0.0")
    run("nft", "table inet t { chain i { type filter hook input priority 0; reject with icmpx type admin-prohibited; }; }")
    port = [1024]

    def again():
        port[0] += 1
        put(segment("10.1.1.5", port[0], "10.1.1.1", 8080, port[0], 0, 2))

    return again


def listener_elsewhere():
    listen(8080)

    def again():
        client = socket.socket(socket.AF_INET6)
        client.connect_ex(("::1", 8080))
        client.close()

    return again


def listener_ipv6_only():
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(("::", 8080))
    server.listen(16)
    kept.append(server)

    def again():
        client = socket.socket()
        client.connect_ex(("127.0.0.1", 8080))
        client.close()

    return again


scenarios = {
    "forward-policy": lambda: router("drop", "10.1.1.5"),
    "forward-policy-of-strangers": lambda: router("drop", "203.0.113.5"),
    "forwarding": lambda: router("accept", "10.1.1.5"),
    "rejected": rejected,
    "listener-elsewhere": listener_elsewhere,
    "listener-ipv6-only": listener_ipv6_only,
    "no-way-back": no_way_back,
    "no-route": no_route,
    "reverse-path": reverse_path,
    "misrouted": misrouted,
    "bad-checksum": bad_checksum,
    "nat-ports": nat_ports,
    "silent-neighbour": silent_neighbour,
    "out-of-descriptors": out_of_descriptors,
    "nearly-out-of-descriptors": nearly_out_of_descriptors,
    "stopped": stopped,
    "stuck": stuck,
    "one-of-two-stuck": one_of_two_stuck,
    "slow-accept": slow_accept,
    "bound-ports": lambda: bound_ports(True),
    "shared-ports": lambda: bound_ports(False),
    "firewall": firewall,
    "firewall-of-strangers": firewall_of_strangers,
    "keeps-connecting": keeps_connecting,
    "connects-below-the-range": connects_below_the_range,
    "healthy": healthy,
    "settings": settings,
    "listeners": listeners,
    "listeners-reserved": listeners_reserved,
    "self-connected": self_connected,
    "accept-queue": accept_queue,
    "syn-flood": lambda: syn_flood(1),
    "syn-flood-without-cookies": lambda: syn_flood(0),
    "half-open": half_open,
    "no-answer": no_answer,
    "connect-timeout-1": lambda: connect_timeout(1),
    "connect-timeout-3": lambda: connect_timeout(3),
    "ports-all-taken": lambda: few_ports(10),
    "ports-more-than-half-taken": lambda: few_ports(6),
    "ports-half-taken": lambda: few_ports(5),
    "time-wait-overflow": time_wait_overflow,
    "strange-segments": strange_segments,
    "mtu-black-hole": lambda: narrow_path(False),
    "narrow-path": lambda: narrow_path(True),
}

run("ip", "link", "set", "lo", "up")
again = scenarios[sys.argv[1]]()
print("ready", os.getpid(), flush=True)
# Bounded, should nobody end it.
end = time.monotonic() + 120
while time.monotonic() < end and not select.select([sys.stdin], [], [], 0.03 if again else 1)[0]:
    if again:
        again()
for child in kept:
    if isinstance(child, subprocess.Popen):
        child.kill()
