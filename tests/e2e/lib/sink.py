"""An SMTP server that keeps what it gets byte for byte, and refuses recipients @fail.example."""

import os
import socketserver
import threading

from .room import wait_until


class Mail:
    """One delivery: envelope and the bytes of DATA, dots unstuffed, line ends as they came."""

    def __init__(self, sender, recipients, data):
        self.sender, self.recipients, self.data = sender, recipients, data


class _Session(socketserver.StreamRequestHandler):
    timeout = 60

    def _say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def _data(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b'.\r\n':
                return b''.join(lines)
            lines.append(line[1:] if line[:1] == b'.' else line)

    def handle(self):
        self._say('220 sink.example ESMTP')
        sender, recipients = None, []
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b'EHLO':
                more = '250-8BITMIME\r\n250-SMTPUTF8\r\n' if self.server.sink.eightbit else ''
                self._say('250-sink.example\r\n' + more + '250-DSN\r\n250 PIPELINING')
            elif verb == b'DATA':
                self._say('354 go ahead')
                data = self._data()
                if data is None:
                    return
                self.server.sink.keep(Mail(sender, recipients, data))
                self._say('250 2.0.0 kept')
                sender, recipients = None, []
            elif verb == b'QUIT':
                self._say('221 2.0.0 bye')
                return
            else:
                if verb == b'RSET':
                    sender, recipients = None, []
                address = line.partition(b'<')[2].partition(b'>')[0].decode('utf-8', 'replace')
                if verb == b'RCPT' and address.endswith('@fail.example'):
                    self._say('550 5.1.1 nobody here by that name')
                    continue
                if verb == b'MAIL':
                    sender = address
                elif verb == b'RCPT':
                    recipients.append(address)
                self._say('250 2.0.0 ok')


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100


class Sink:
    def __init__(self, room, directory=None, eightbit=True):
        """Keeps mail in memory, and as files in a directory too if one is given. EIGHTBIT: it has 8BITMIME and SMTPUTF8."""
        self.eightbit = eightbit
        self._directory = directory
        self._lock = threading.Lock()
        self._mails = {}
        self.count = 0
        self._server = _Server(('127.0.0.1', 0), _Session)
        self._server.sink = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        room.add(self)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def keep(self, mail):
        with self._lock:
            self.count += 1
            if self._directory:
                with open(os.path.join(self._directory, '%04d.eml' % self.count), 'wb') as f:
                    f.write(mail.data)
            for recipient in mail.recipients:
                self._mails.setdefault(recipient, []).append(mail)

    def get(self, recipient):
        """The mails to one recipient so far."""
        with self._lock:
            return list(self._mails.get(recipient, ()))

    def wait(self, recipient, limit=30.0, log=None):
        """The first mail to a recipient."""
        return wait_until(lambda: self.get(recipient), 'mail to %s at the sink' % recipient, limit, log)[0]

    def forget(self):
        with self._lock:
            self._mails.clear()
