"""One end of a transfer for tools/transfer.mjs, with the kernel's TCP: sends and receives bytes, tells what it took as JSON.

usage: transfer-peer.py serve|connect ADDRESS PORT SEND RECEIVE CONGESTION [SECONDS]
Ends when both directions are done; with SECONDS, sends without end and stops then.
"""
import json, select, socket, struct, sys, time

role, address, port, send, receive, control = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
seconds = float(sys.argv[7]) if len(sys.argv) > 7 else None
if role == 'serve':
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    listener.bind((address, port))
    listener.listen(64)
    print('listening', flush=True)
    listener.settimeout(120)
    s, _ = listener.accept()
else:
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    s.settimeout(120)
    s.connect((address, port))
used = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).split(b'\0')[0].decode()
s.setblocking(False)
begun = time.monotonic()
chunk = bytes(i * 7 & 255 for i in range(256)) * 1024
sent = got = wrong = 0
silence = 0.0
last = begun
ended = shut = False
while not (ended and shut):
    now = time.monotonic()
    if seconds is not None and now - begun > seconds:
        break
    if now - begun > 900:
        break
    readable, writable, _ = select.select([] if ended else [s], [s] if not shut else [], [], 1)
    if readable:
        try:
            data = s.recv(262144)
        except ConnectionResetError:
            break
        now = time.monotonic()
        silence = max(silence, now - last)
        last = now
        if not data:
            ended = True
        if receive and data and got < 1_000_000 and any(data[i] != (got + i) * 7 & 255 for i in range(0, len(data), 97)):
            wrong += 1
        got += len(data)
    if writable:
        if sent < send or seconds is not None and send:
            offset = sent & 255
            most = len(chunk) - 256 if seconds is not None else min(len(chunk) - 256, send - sent)
            try:
                sent += s.send(memoryview(chunk)[offset:offset + most])
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                # The receiver's time was up first.
                break
        else:
            s.shutdown(socket.SHUT_WR)
            shut = True
took = time.monotonic() - begun
info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
retransmitted = struct.unpack_from('I', info, 100)[0]
print(json.dumps(dict(control=used, seconds=took, sent=sent, got=got, wrong=wrong, silence=silence, retransmitted=retransmitted)), flush=True)
if seconds is not None:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
