"""Letters, and what has to be inside the envelope that one is sealed in."""


def of(message):
    """The Content-* fields as they stand, and the body."""
    head, _, body = message.partition(b'\r\n\r\n')
    if message.startswith(b'\r\n'):
        head, body = b'', message[2:]
    kept, taking = [], False
    for line in head.split(b'\r\n'):
        if line[:1] not in (b' ', b'\t'):
            taking = line[:8].lower() == b'content-'
        if taking:
            kept.append(line + b'\r\n')
    return b''.join(kept) + b'\r\n' + body


def letter(message_id, frm='bob@elsewhere.example', to='jim@store.example', subject='hello', body='the code is 4711\r\n',
           more='', ctype='text/plain; charset=utf-8', encoding='8bit'):
    return ('From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s>\r\n'
            'MIME-Version: 1.0\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n%s\r\n%s'
            % (frm, to, subject, message_id, ctype, encoding, more, body)).encode()
