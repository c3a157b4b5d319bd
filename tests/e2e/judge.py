"""Judging a signed message: by foreign verifiers, intact and damaged, and beside the same message unsigned."""

import collections
import concurrent.futures
import contextlib
import re
import threading

from corpus import MAIL_DKIM
from lib.milter import split_header
from lib.verify import ONE_AT_A_TIME, signatures

# What a verifier says of an algorithm that it does not know (Mail::DKIM before 1.20230630 has no Ed25519).
UNKNOWN = {(MAIL_DKIM, 'ed25519-sha256'): 'invalid (unsupported algorithm ed25519-sha256)'}


def split(message):
    header, _, rest = message.partition(b'\r\n\r\n')
    return header + b'\r\n', rest


def fields_of(message):
    """The header fields as they stand, each with its CRLF."""
    header, _ = split(message)
    return re.findall(rb'(?:[^\r\n]|\r(?!\n)|(?<!\r)\n|\r\n[ \t])*\r\n', header)


def other(octet):
    """Another letter: not one that differs in case only, nor white space."""
    return b'Q' if octet not in b'qQ' else b'Z'


def damage_body(message):
    """one octet of the body is changed (where it has none to change, one line more)"""
    header, rest = split(message)
    found = re.search(rb'[!-~]', rest)
    if not found:
        return header + b'\r\n' + rest + b'x\r\n'
    at = found.start()
    return header + b'\r\n' + rest[:at] + other(rest[at:at + 1]) + rest[at + 1:]


def damage_header(message):
    """one octet of a signed field is changed: of the last Subject (signed bottom up) or From; else a Subject more"""
    header, rest = split(message)
    found = None
    for found in re.finditer(rb'(?im)^(?:subject|from)[ \t]*:\s*(?:[^\r\n]*?)([A-Za-z0-9])', header):
        if found.group(0)[:1] in b'sS':
            break
    if not found:
        return b'Subject: one more\r\n' + message
    at = found.start(1)
    return header[:at] + other(header[at:at + 1]) + header[at + 1:] + b'\r\n' + rest


DAMAGES = (damage_body, damage_header)


class Judge:
    def __init__(self, verifiers):
        self.verifiers = verifiers
        self.locks = {v.name: threading.Lock() if v.name in ONE_AT_A_TIME else contextlib.nullcontext() for v in verifiers}
        self.pool = concurrent.futures.ThreadPoolExecutor(2 * len(verifiers))   # most of what they do is to wait for a process

    def _verdicts(self, message, ours):
        """{verifier: {(selector, domain): None or why not}} for our signatures."""
        return {name: {s[:2]: results.get(s[:2], 'not looked at') for s in ours} for name, results in self.verify(message)}

    def verify(self, message):
        """(name of the verifier, what it says of each signature); any thread may ask."""
        def one(verifier):
            with self.locks[verifier.name]:
                return verifier.name, verifier.verify(message)
        return list(self.pool.map(one, self.verifiers))

    def faults(self, message, domain, algorithms, limits=(), tally=None, damages=DAMAGES):
        """What is wrong with a message that our signatures of DOMAIN should stand on; [] when nothing is. TALLY counts
        'signatures', and by their names those that each verifier takes; DAMAGES is what is tried on it."""
        tally = collections.Counter() if tally is None else tally
        own = [s for s in signatures(message)[:len(algorithms)] if s[1] == domain]
        if sorted(s[2] for s in own) != sorted(algorithms):
            return ['the top signatures are %r, not one each of %s' % (signatures(message), ', '.join(algorithms))]
        tally['signatures'] += len(own)
        faults = self._intact(message, own, dict(limits), tally)
        return faults + [f for damage in damages for f in self._damaged(damage.__doc__, damage(message), own)]

    def _intact(self, message, own, limits, tally):
        faults = []
        for verifier, results in self._verdicts(message, own).items():
            for selector, domain, algorithm in own:
                reason = results[selector, domain]
                tally[verifier] += reason is None
                if (verifier, algorithm) in UNKNOWN and reason == UNKNOWN[verifier, algorithm]:
                    continue
                if verifier in limits:
                    if reason is None:
                        faults.append('%s verifies %s, against its known limit: %s'
                                      % (verifier, algorithm, limits[verifier]))
                elif reason is not None:
                    faults.append('%s, %s: %s' % (verifier, algorithm, reason))
        return faults

    def _damaged(self, what, message, own):
        return ['%s, %s: verifies although %s' % (verifier, algorithm, what)
                for verifier, results in self._verdicts(message, own).items()
                for selector, domain, algorithm in own if results[selector, domain] is None]


def queue_id(message):
    """The id under which the sending Postfix had the message: in its own Received field."""
    for field in fields_of(message):
        if field.lower().startswith(b'received:'):
            found = re.search(rb'\sid ([0-9A-Za-z]+)', field)
            return found.group(1).decode() if found else ''
    return ''


def without_ours(message, n_signatures):
    """The message less the signatures on its top, and less what differs from one delivery to the next: the mail
    server's Received field, and the Message-Id and Date that it supplies where they are missing."""
    fields = fields_of(message)
    top = [f for f in fields[:n_signatures] if f.startswith(b'DKIM-Signature:')]
    rest = message[sum(map(len, top)):]
    name = queue_id(message).encode()
    received = next((f for f in fields_of(rest) if f.lower().startswith(b'received:')), b'')
    rest = rest.replace(received, b'', 1)
    rest = re.sub(rb'(?m)^Message-Id: <(?:\d{14}\.)?' + name + rb'@', b'Message-Id: <@', rest)
    return re.sub(rb'(?m)^Date: .* \(UTC\)\r\n(?=From: |\r\n)', b'Date:\r\n', rest)


def own_field_faults(message, n_signatures):
    """Is what we added well formed: on top, folded short, no white space at line ends, ASCII?"""
    faults = []
    fields = fields_of(message)
    for field in fields[:n_signatures]:
        name, value = split_header(field)[0]
        if name != b'DKIM-Signature' or value[:1] != b' ':
            faults.append('not a signature of ours on top: %r' % field[:40])
        for line in field.split(b'\r\n'):
            if len(line) > 78:
                faults.append('a line of %d octets in %r' % (len(line), field[:60]))
            if line.endswith((b' ', b'\t')):
                faults.append('white space ends a line of %r' % field[:60])
    if n_signatures < len(fields) and not fields[n_signatures].lower().startswith(b'received:'):
        faults.append('below the signatures is not the Received field of the mail server, but %r' % fields[n_signatures][:40])
    return faults
