"""The MTA's side of the milter protocol, as much as it takes to show a message to a filter."""

import socket
import struct

from .room import Failed

ACTIONS = 0x1ff                 # everything that Postfix lets a filter change
LEADSPC = 0x100000              # header values keep their leading white space
PROTOCOL = 0x1fffff             # all of Postfix 3.7's steps and options
NO_REPLY = {'C': 0x1000, 'H': 0x2000, 'M': 0x4000, 'R': 0x8000, 'T': 0x10000, 'U': 0x20000,
            'N': 0x40000, 'B': 0x80000, 'L': 0x80}
NO_STEP = {'C': 0x1, 'H': 0x2, 'M': 0x4, 'R': 0x8, 'B': 0x10, 'L': 0x20, 'N': 0x40, 'U': 0x100,
           'T': 0x200}
CHUNK = 65535


class Outcome:
    """What a filter said at the end of a message."""

    def __init__(self):
        self.verdict = None
        self.inserted = []      # (index, name, value)


class MilterClient:
    """One connection; message() may be called again and again."""

    def __init__(self, path, hostname='client.example', address=('4', 4444, '127.0.0.1'), timeout=60):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.file = self.sock.makefile('rb')
        self._send('O', struct.pack('>III', 6, ACTIONS, PROTOCOL))
        command, data = self._receive()
        if command != 'O':
            raise Failed('the filter answered %r to the negotiation' % command)
        self.protocol = struct.unpack('>III', data[:12])[2]
        self._macros('C', {'j': 'mta.example', '{daemon_name}': 'smtpd', 'v': 'Postfix 3.7'})
        kind, port, ip = address
        self._step('C', hostname.encode() + b'\0' + kind.encode() + struct.pack('>H', port)
                   + ip.encode() + b'\0')
        self._step('H', b'client.example\0')

    def close(self):
        self._send('Q', b'')
        self.file.close()
        self.sock.close()

    def _send(self, command, data):
        try:
            self.sock.sendall(struct.pack('>I', len(data) + 1) + command.encode() + data)
        except ConnectionError:
            raise Failed('the filter closed the connection') from None

    def _receive(self):
        try:
            head = self.file.read(5)
        except ConnectionError:
            head = b''
        if len(head) < 5:
            raise Failed('the filter closed the connection')
        size, command = struct.unpack('>Ic', head)
        return command.decode('latin-1'), self.file.read(size - 1)

    def _macros(self, step, values):
        self._send('D', step.encode() + b''.join(k.encode() + b'\0' + v.encode() + b'\0'
                                                 for k, v in values.items()))

    def _step(self, command, data):
        """Send one event unless the filter has no use for it; its verdict, 'c' if it gives none."""
        if self.protocol & NO_STEP.get(command, 0):
            return 'c'
        self._send(command, data)
        if self.protocol & NO_REPLY.get(command, 0):
            return 'c'
        while True:
            answer, _ = self._receive()
            if answer != 'p':   # progress
                return answer

    def message(self, data, queue_id='4Test', sender='<a@relaxed.example>', recipient='<b@sink.example>'):
        """Show a message (CRLF) to the filter; Outcome."""
        head, _, body = data.partition(b'\r\n\r\n')
        outcome = Outcome()
        self._macros('M', {'i': queue_id})
        for command, argument in (('M', sender), ('R', recipient)):
            answer = self._step(command, argument.encode() + b'\0')
            if answer != 'c':
                return self._early(outcome, answer)
        self._step('T', b'')
        for name, value in split_header(head):
            if not self.protocol & LEADSPC and value[:1] == b' ':
                value = value[1:]
            # A C string: what follows a NUL cannot be passed on.
            value = value.replace(b'\r\n', b'\n').split(b'\0')[0]
            answer = self._step('L', name + b'\0' + value + b'\0')
            if answer != 'c':
                return self._early(outcome, answer)
        answer = self._step('N', b'')
        if answer != 'c':
            return self._early(outcome, answer)
        for at in range(0, len(body), CHUNK):
            if self._step('B', body[at:at + CHUNK]) == 's':
                break
        return self._end(outcome)

    def _early(self, outcome, answer):
        outcome.verdict = answer
        if answer not in 'ardty':
            self._send('A', b'')
        return outcome

    def _end(self, outcome):
        self._send('E', b'')
        while True:
            answer, data = self._receive()
            if answer == 'i':
                index = struct.unpack('>I', data[:4])[0]
                name, value = data[4:].split(b'\0')[:2]
                outcome.inserted.append((index, name, value))
            elif answer in 'acrtdy':
                outcome.verdict = answer
                return outcome


def split_header(head):
    """[(name, value)] with the white space after the colon and the folds kept."""
    fields = []
    for line in head.split(b'\r\n'):
        if line[:1] in (b' ', b'\t') and fields:
            fields[-1][1] += b'\r\n' + line
        elif b':' in line:
            name, _, value = line.partition(b':')
            fields.append([name, value])
    return [tuple(f) for f in fields]
