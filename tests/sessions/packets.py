"""Recorded milter sessions: packets, the text in which they are kept, and what is to be seen in them.

A recording is one connection of a mail server, connect to quit, byte for byte:

    # what it is, in words
    > M             a packet of the mail server, its command
    	<ann@house.example>\\0
    < c             a packet of ours
    = {1}: ...      a line of the daemon's log, {1} for the first queue id
    @ NAME RECORD   the record of a key that was signed with

A packet's bytes are those of its lines joined; a line ends behind a NUL, behind a line feed or after 100 characters.
"""
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../wire"))

import harness  # noqa: E402
from milter_client import FINAL, NO_OF, NR_OF, STAGES, Message, Result, Client  # noqa: E402

KEPT = os.path.join(HERE, "kept")
NAMED = {0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
LINE = 100
STAGE_NAMES = {number: name for name, number in STAGES.items()}


def escape(octets):
    text = "".join(NAMED.get(c) or (chr(c) if 32 <= c < 127 else "\\x%02x" % c) for c in octets)
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def unescape(text):
    names = {shown[1]: chr(c) for c, shown in NAMED.items()}
    return re.sub(r"\\(x..|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" else names[m[1]],
                  text).encode("latin-1")


def pieces(command, payload):
    """Cut where a reader likes it: behind C strings and lines, behind what is no text."""
    binary = {b"O": rb"(?s)^.{12}|.{4}[^\0]*\0", b"D": rb"(?s)^.|[^\0]*\0", b"i": rb"(?s)^.{4}|[^\0\n]*[\0\n]",
              b"m": rb"(?s)^.{4}|[^\0\n]*[\0\n]", b"C": rb"(?s)^[^\0]*\0|.+"}
    for part in re.findall(binary.get(command, rb"[^\0\n]*[\0\n]|[^\0\n]+"), payload):
        for at in range(0, len(part), LINE):
            yield part[at:at + LINE]


class Packet:
    def __init__(self, ours, command, payload=b""):
        self.ours, self.command, self.payload = ours, command, payload

    def octets(self):
        return struct.pack("!I", len(self.payload) + 1) + self.command + self.payload

    def show(self):
        shown = list(pieces(self.command, self.payload))
        if b"".join(shown) != self.payload:     # no packet of this kind that we know
            shown = [self.payload]
        return "%s %s\n" % ("<" if self.ours else ">", escape(self.command)) + "".join("\t%s\n" % escape(p) for p in shown)


class Framer:
    """Bytes of one direction in any pieces -> packets."""

    def __init__(self, ours):
        self.ours, self.rest = ours, b""

    def feed(self, octets):
        self.rest += octets
        found = []
        while len(self.rest) >= 4:
            size = struct.unpack("!I", self.rest[:4])[0]
            if len(self.rest) < 4 + size:
                break
            found.append(Packet(self.ours, self.rest[4:5], self.rest[5:4 + size]))
            self.rest = self.rest[4 + size:]
        return found


class Recording:
    """A whole connection. DNS: {name: record} of the keys that were signed with."""

    def __init__(self, packets, words="", dns=None):
        self.packets, self.log, self.words, self.dns = packets, [], words, dns or {}

    @classmethod
    def read(cls, name, directory=KEPT):
        r = cls([])
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            for line in f.read().splitlines():
                kind, text = line[:1], line[2:]
                if kind == "#":
                    r.words = text
                elif kind == "\t":
                    r.packets[-1].payload += unescape(line[1:])
                elif kind == "=":
                    r.log.append(text)
                elif kind == "@":
                    r.dns.update([text.split(" ", 1)])
                else:
                    r.packets.append(Packet(kind == "<", unescape(text)))
        return r

    def write(self, name, directory=KEPT):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write("# %s\n" % self.words + "".join(p.show() for p in self.packets) +
                    "".join("= %s\n" % line for line in self.log) +
                    "".join("@ %s %s\n" % item for item in sorted(self.dns.items())))

    @property
    def theirs(self):
        """What the mail server says."""
        return [p for p in self.packets if not p.ours]

    def queue_ids(self):
        """In order of appearance."""
        found = []
        for p in self.theirs:
            if p.command == b"D" and macros(p).get("i") not in (None, "", *found):
                found.append(macros(p)["i"])
        return found

    def name_ids(self, line):
        """The line with {1} instead of the first queue id, and so on."""
        for number, queue_id in enumerate(self.queue_ids(), 1):
            line = line.replace(queue_id, "{%d}" % number)
        return line

    def log_of(self, lines):
        """Of a daemon's log what it said of this session."""
        found = re.compile("(?:%s): .*" % "|".join(["NOQUEUE", *self.queue_ids()]))
        return [self.name_ids(m[0]) for m in map(found.search, lines) if m]

    def turns(self):
        return turns(self.packets)


def macros(packet):
    names = packet.payload[1:].split(b"\0")[:-1]
    return {n.decode(): v.decode("utf-8", "backslashreplace") for n, v in zip(names[::2], names[1::2])}


class Turn:
    """A packet of the mail server, and what we said to it."""

    def __init__(self, packet, waits):
        self.packet, self.waits, self.answers = packet, waits, []

    @property
    def command(self):
        return self.packet.command

    def result(self):
        """The answers as tests/wire/milter_client.py has them."""
        result, body = Result(None), []
        for a in self.answers:
            if a.command in FINAL:
                result.action, result.reply = a.command, a.payload.rstrip(b"\0")
            elif a.command == b"b":
                body.append(a.payload)
            else:
                Client.take(result, a.command, a.payload)
        result.body = b"".join(body) if body else None
        return result


def waits(command, steps):
    """Does an answer follow to this command, where these steps (SMFIP_*) were agreed on?"""
    return command in b"OE" or (command in NR_OF and not steps & (NR_OF[command] | NO_OF[command]))


def ends(command, answer):
    """Is this the last answer to the command?"""
    return answer == b"O" if command == b"O" else answer in FINAL


def turns(packets):
    found, steps = [], 0
    for p in packets:
        if not p.ours:
            found.append(Turn(p, waits(p.command, steps)))
            continue
        [t for t in found if t.waits][-1].answers.append(p)
        if p.command == b"O":
            steps = struct.unpack("!III", p.payload[:12])[2]
    return found


def messages(all_turns):
    """[Message, turn of its last word] for each whole message, as the mail server showed it: (macros, message, end)."""
    found, message, leadspc, seen = [], None, True, {}
    for t in all_turns:
        c, payload = t.command, t.packet.payload
        if c == b"O":
            leadspc = bool(struct.unpack("!III", t.answers[0].payload[:12])[2] & 0x100000)
        elif c == b"M":
            message = Message(mail_from=payload.split(b"\0")[0], rcpt=[])
        elif c == b"R" and t.answers[-1].command == b"c":
            message.rcpt.append(payload.split(b"\0")[0])
        elif c == b"L":
            name, value = payload.split(b"\0")[:2]
            message.headers.append((name, value if leadspc else b" " + value))
        elif c == b"B":
            message.body += payload
        elif c == b"E":
            message.body += payload
            found.append((message, t, leadspc))
    return found


# --- what is to be seen ------------------------------------------------------------------------------

def blank(value, of_envelope):
    """A signature less what is another one each time, as an envelope is."""
    if of_envelope:
        value = re.sub(rb"(?<=[\s;])bh=[A-Za-z0-9+/=\s]+", b"bh=HASH", value)
    value = re.sub(rb"(?<=[\s;])([tx])=\d+", rb"\1=TIME", value)
    return re.sub(rb"(?<=[\s;])b=[A-Za-z0-9+/=\s]+", b"b=SIGNATURE", value)


def lines_of(octets):
    return ["\t| %s" % escape(p) for p in octets.replace(b"\n", b"\n\0").split(b"\0") if p]


def show_negotiation(answer):
    _, actions, steps = struct.unpack("!III", answer.payload[:12])
    text = ["O: actions 0x%x, steps 0x%x" % (actions, steps)]
    rest = answer.payload[12:]
    while rest:
        names, _, after = rest[4:].partition(b"\0")
        text.append("\tmacros at %s: %s" % (STAGE_NAMES[struct.unpack("!I", rest[:4])[0]], names.decode().strip()))
        rest = after
    return text


def show_answers(turn, open_body):
    """One line for what was answered, and one for each thing that was asked for."""
    text, result = [], turn.result()
    for kind, index, name, value in result.edits:
        text.append("\t%s %s%s" % (kind, name.decode(), "" if index < 0 else " at %d" % index))
        text += lines_of(blank(value, result.body is not None))
    text += ["\t%s recipient %s %s" % (kind, escape(address), escape(args)) for kind, address, args in result.rcpts]
    if result.quarantine:
        text.append("\tquarantine " + escape(result.quarantine))
    if result.body is not None:
        for reader, entity in open_body(result.body):
            text += ["\tbody, opened by %s" % reader] + lines_of(entity)
    return ["%s: %s %s" % (turn.command.decode(), result.action.decode(), escape(result.reply))] + text


def show(recording, open_body):
    """What is to be seen of a session, without what is another one each time. OPEN_BODY(octets) -> [(name, entity)]."""
    all_turns, text, said = recording.turns(), [], []

    def flush():
        if said:
            text.append("%s: c" % " ".join(said))
            said.clear()
    for t in all_turns:
        if not t.waits:
            continue
        if t.command == b"O":
            text += show_negotiation(t.answers[0])
        elif [a.command for a in t.answers] == [b"c"]:
            said.append(t.command.decode())
        elif t.answers:
            flush()
            text += [line.rstrip() for line in show_answers(t, open_body)]
        else:
            flush()
            text.append("%s: no answer" % t.command.decode())
    flush()
    for number, (message, t, leadspc) in enumerate(messages(all_turns), 1):
        result = t.result()
        text.append("message %d, to %s" % (number, " ".join(escape(r) for r in result.recipients(message))))
        text += ["\tsignature of %s, %s: %s" % (domain, selector, "good" if good else "BAD")
                 for domain, selector, good in harness.verify(recording, result.apply(message, leadspc))]
    return "\n".join(text + ["log " + line for line in recording.log]) + "\n"
