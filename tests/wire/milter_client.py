"""The mail server's side of the milter protocol, versions 2 to 6: for tests and benches.

Standard library only. One Client is one connection; what it sends is under the caller's control down to the
byte, so that it can also send what no mail server would.

    with Client("unix:/run/x.sock") as c:
        c.negotiate()
        c.connect("localhost", "127.0.0.1")
        c.helo("localhost")
        result = c.message(Message(headers=[("From", " joe@example.com"), ...], body=b"hi\\r\\n"))
        result.action       one letter of SMFIR_*: b"c" continue, b"a" accept, b"t" / b"y" temporary failure
        result.edits        [("insert", index, name, value), ("change", ...), ("append", -1, name, value)]
        result.rcpts        [("add", address, parameters), ("delete", address, b"")]
        result.body         the new body, or None
        result.quarantine   the reason, or None
        result.apply(msg)   the bytes of the message as the mail server would send it on
"""
import socket
import struct
import time

# actions that a filter may ask for
F_ADDHDRS, F_CHGBODY, F_ADDRCPT, F_DELRCPT, F_CHGHDRS, F_QUARANTINE = 1, 2, 4, 8, 16, 32
F_CHGFROM, F_ADDRCPT_PAR, F_SETSYMLIST = 0x40, 0x80, 0x100
F_ALL = 0x1FF
F_V2 = 0x3F

# protocol steps and answers
P_NOCONNECT, P_NOHELO, P_NOMAIL, P_NORCPT, P_NOBODY, P_NOHDRS, P_NOEOH = 1, 2, 4, 8, 16, 32, 64
P_NR_HDR, P_NOUNKNOWN, P_NODATA, P_SKIP, P_RCPT_REJ = 0x80, 0x100, 0x200, 0x400, 0x800
P_NR_CONN, P_NR_HELO, P_NR_MAIL, P_NR_RCPT = 0x1000, 0x2000, 0x4000, 0x8000
P_NR_DATA, P_NR_UNKN, P_NR_EOH, P_NR_BODY, P_HDR_LEADSPC = 0x10000, 0x20000, 0x40000, 0x80000, 0x100000
P_ALL = 0x1FFFFF
P_V2 = 0x7F

NR_OF = {b"C": P_NR_CONN, b"H": P_NR_HELO, b"M": P_NR_MAIL, b"R": P_NR_RCPT, b"T": P_NR_DATA,
         b"L": P_NR_HDR, b"N": P_NR_EOH, b"B": P_NR_BODY, b"U": P_NR_UNKN}
NO_OF = {b"C": P_NOCONNECT, b"H": P_NOHELO, b"M": P_NOMAIL, b"R": P_NORCPT, b"T": P_NODATA,
         b"L": P_NOHDRS, b"N": P_NOEOH, b"B": P_NOBODY, b"U": P_NOUNKNOWN}

STAGES = {"connect": 0, "helo": 1, "mail": 2, "rcpt": 3, "data": 4, "eom": 5, "eoh": 6}

FINAL = (b"c", b"a", b"t", b"y", b"r", b"d", b"4", b"f", b"s")


class Closed(Exception):
    """The filter closed the connection."""


def data(s):
    return s if isinstance(s, bytes) else s.encode("utf-8")


class Message:
    """headers: (name, value) with the value as it stands behind the colon, folds as LF; body: bytes with CRLF.
    macros: {stage: {name: value}}."""

    def __init__(self, headers=(), body=b"", mail_from="<joe@example.com>", rcpt=("<a@b.example>",), macros=None,
                 mail_args=()):
        self.headers = [(data(n), data(v)) for n, v in headers]
        self.body = body
        self.mail_from = mail_from
        self.mail_args = mail_args
        self.rcpt = rcpt
        self.macros = macros or {}

    def as_bytes(self, headers=None, body=None):
        """As it goes over SMTP: CRLF everywhere."""
        lines = [n + b":" + v.replace(b"\n", b"\r\n") + b"\r\n" for n, v in (headers or self.headers)]
        return b"".join(lines) + b"\r\n" + (self.body if body is None else body)


class Result:
    def __init__(self, action, reply=b"", edits=(), stage=None, rcpts=(), body=None, quarantine=None):
        self.action = action
        self.reply = reply      # text of a "y" answer
        self.edits = list(edits)
        self.rcpts = list(rcpts)
        self.body = body
        self.quarantine = quarantine
        self.stage = stage      # at which event the message ended

    @property
    def tempfailed(self):
        return self.action == b"t" or (self.action == b"y" and self.reply.startswith(b"4"))

    @property
    def rejected(self):
        return self.action == b"r" or (self.action == b"y" and self.reply.startswith(b"5"))

    @property
    def discarded(self):
        return self.action == b"d"

    @property
    def accepted(self):
        return self.action in (b"a", b"c")

    def apply(self, message, leadspc=True):
        """The message after the edits, as bytes."""
        headers = list(message.headers)
        for kind, index, name, value in self.edits:
            if not leadspc and value:
                value = b" " + value
            if kind == "insert":
                headers.insert(index, (name, value))
                continue
            if kind == "append":
                headers.append((name, value))
                continue
            at = [i for i, (n, _) in enumerate(headers) if n.lower() == name.lower()]
            if index < 1 or index > len(at):
                continue
            if value:
                headers[at[index - 1]] = (name, value)
            else:
                del headers[at[index - 1]]
        return message.as_bytes(headers, self.body)

    def recipients(self, message):
        """Who gets it after the edits."""
        rcpt = [data(r) for r in message.rcpt]
        for kind, address, _ in self.rcpts:
            if kind == "add":
                rcpt.append(b"<" + address.strip(b"<>") + b">")
            elif address in rcpt:
                rcpt.remove(address)
        return rcpt


class Client:
    def __init__(self, spec, timeout=30):
        self.sock = open_socket(spec, timeout)
        self.buf = b""
        self.pflags = 0
        self.actions = 0
        self.symlist = {}
        self.steps = 0
        self.cut_at = None   # close in front of the event with this number

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    # --- packets

    def raw(self, octets):
        try:
            self.sock.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def send(self, command, payload=b""):
        self.raw(struct.pack("!I", len(payload) + 1) + command + payload)

    def _read(self, n):
        while len(self.buf) < n:
            try:
                piece = self.sock.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed
            self.buf += piece
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def receive(self):
        size = struct.unpack("!I", self._read(4))[0]
        packet = self._read(size)
        return packet[:1], packet[1:]

    # --- events

    def negotiate(self, version=6, actions=F_ALL, protocol=P_ALL):
        self.send(b"O", struct.pack("!III", version, actions, protocol))
        command, payload = self.receive()
        assert command == b"O", command
        self.version, self.actions, self.pflags = struct.unpack("!III", payload[:12])
        assert self.actions & ~actions == 0, "asks for actions that were not offered"
        assert self.pflags & ~protocol == 0, "asks for steps that were not offered"
        rest = payload[12:]
        while rest:
            stage = struct.unpack("!I", rest[:4])[0]
            names, rest = rest[4:].split(b"\0", 1)
            self.symlist[stage] = names.decode().split()
        return self

    @property
    def leadspc(self):
        return bool(self.pflags & P_HDR_LEADSPC)

    def macros(self, command, values):
        payload = b"".join(data(n) + b"\0" + data(v) + b"\0" for n, v in values.items())
        if payload:
            self.send(b"D", command + payload)

    def event(self, command, payload=b"", macros=None):
        """Sends one step, unless the filter does not want it; its answer, or "c" where none was agreed on."""
        if self.pflags & NO_OF.get(command, 0):
            return Result(b"c")
        if self.cut_at is not None and self.steps == self.cut_at:
            raise Closed
        self.steps += 1
        if macros:
            self.macros(command, macros)
        self.send(command, payload)
        if self.pflags & NR_OF.get(command, 0):
            return Result(b"c")
        return self.answer()

    def answer(self):
        result = Result(None)
        last, pieces = None, []
        while True:
            command, payload = self.receive()
            if last == b"b" and command not in (b"b", *FINAL):
                raise AssertionError("between pieces of a new body: %r" % command)   # Postfix ends the session
            last = command
            if command in FINAL:
                result.action, result.reply = command, payload.rstrip(b"\0")
                result.body = b"".join(pieces) if pieces else None
                return result
            if command == b"b":
                pieces.append(payload)
                continue
            self.take(result, command, payload)

    @staticmethod
    def take(result, command, payload):
        if command == b"i":
            name, value = payload[4:].rstrip(b"\0").split(b"\0", 1)
            result.edits.append(("insert", struct.unpack("!I", payload[:4])[0], name, value))
        elif command == b"h":
            name, value = payload.rstrip(b"\0").split(b"\0", 1)
            result.edits.append(("append", -1, name, value))
        elif command == b"m":
            name, value = payload[4:].split(b"\0")[:2]
            result.edits.append(("change", struct.unpack("!I", payload[:4])[0], name, value))
        elif command == b"+":
            result.rcpts.append(("add", payload.rstrip(b"\0"), b""))
        elif command == b"2":
            address, args = payload.rstrip(b"\0").split(b"\0", 1)
            result.rcpts.append(("add", address, args))
        elif command == b"-":
            result.rcpts.append(("delete", payload.rstrip(b"\0"), b""))
        elif command == b"q":
            result.quarantine = payload.rstrip(b"\0")
        elif command != b"p":
            raise AssertionError("unexpected answer %r" % command)

    def connect(self, host="localhost", addr="127.0.0.1", port=12345, macros=None):
        payload = data(host) + b"\0"
        if addr is None:
            payload += b"U"
        elif addr.startswith("/"):
            payload += b"L" + struct.pack("!H", 0) + data(addr) + b"\0"
        else:
            family = b"6" if ":" in addr else b"4"
            payload += family + struct.pack("!H", port) + data(addr) + b"\0"
        return self.event(b"C", payload, macros)

    def helo(self, name="localhost", macros=None):
        return self.event(b"H", data(name) + b"\0", macros)

    def mail(self, sender, args=(), macros=None):
        return self.event(b"M", b"".join(data(a) + b"\0" for a in (sender, *args)), macros)

    def rcpt(self, to, args=(), macros=None):
        return self.event(b"R", b"".join(data(a) + b"\0" for a in (to, *args)), macros)

    def data(self, macros=None):
        return self.event(b"T", macros=macros)

    def header(self, name, value):
        if not self.leadspc and value[:1] == b" ":
            value = value[1:]
        return self.event(b"L", name + b"\0" + value + b"\0")

    def eoh(self, macros=None):
        return self.event(b"N", macros=macros)

    def body(self, piece):
        return self.event(b"B", piece)

    def eom(self, macros=None):
        return self.event(b"E", macros=macros)

    def abort(self):
        self.send(b"A")

    def quit(self):
        self.send(b"Q")

    def quit_keep(self):
        """QUIT, but a new client follows on this connection."""
        self.send(b"K")

    # --- a whole message

    def steps_of(self, message, chunk=65535):
        """Its events as (name, call) pairs, in order."""
        m = message.macros
        yield "mail", lambda: self.mail(message.mail_from, message.mail_args, m.get("mail"))
        for to in message.rcpt:
            yield "rcpt", lambda to=to: self.rcpt(to, (), m.get("rcpt"))
        yield "data", lambda: self.data(m.get("data"))
        for name, value in message.headers:
            yield "header", lambda n=name, v=value: self.header(n, v)
        yield "eoh", lambda: self.eoh(m.get("eoh"))
        for at in range(0, len(message.body), chunk):
            yield "body", lambda at=at: self.body(message.body[at:at + chunk])
        yield "eom", lambda: self.eom(m.get("eom"))

    def message(self, message, chunk=65535, stop_before=None):
        """Runs it to its end. STOP_BEFORE: the number of the event in front of which None is returned. Answers to
        refused recipients are in self.refused."""
        self.refused = []
        for number, (name, call) in enumerate(self.steps_of(message, chunk)):
            if stop_before is not None and number == stop_before:
                return None
            result = call()
            if name == "rcpt" and (result.tempfailed or result.rejected):
                self.refused.append(result)
                continue
            if result.action != b"c":
                result.stage = name
                return result
        result.stage = "eom"
        return result

    def start(self, host="localhost", addr="127.0.0.1", macros=None, **negotiation):
        """Negotiation, CONNECT, HELO."""
        self.negotiate(**negotiation)
        self.connect(host, addr, macros=macros)
        self.helo()
        return self


def open_socket(spec, timeout=30):
    kind, rest = spec.split(":", 1)
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address = rest
    else:
        port, host = rest.split("@", 1)
        family = socket.AF_INET6 if kind == "inet6" else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = (host, int(port))
    sock.settimeout(timeout)
    end = time.monotonic() + timeout
    try:
        while True:
            try:
                sock.connect(address)
                break
            except BlockingIOError:   # the queue of a unix socket is full
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
    except OSError:
        sock.close()
        raise
    return sock
