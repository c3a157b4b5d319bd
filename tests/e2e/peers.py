"""The verifiers themselves, before anything is believed of what they say: good and bad signatures of dkimpy's."""

import base64

import dkim

import judge
from lib.room import run

GROUP = 'the verifiers themselves'
DOMAIN = 'peers.example'
MESSAGE = b'From: ann@peers.example\r\nTo: bob@sink.example\r\nSubject: peers\r\n\r\nHello.\r\n'


def make_keys(room):
    """{selector: (private key as dkimpy wants it, algorithm, record)}"""
    rsa, ed = room.file('peers-rsa.pem'), room.file('peers-ed.pem')
    run(['openssl', 'genpkey', '-algorithm', 'rsa', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', rsa])
    run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-out', ed])
    with open(rsa, 'rb') as f:
        rsa_private = f.read()
    rsa_public = base64.b64encode(run(['openssl', 'pkey', '-in', rsa, '-pubout', '-outform', 'DER'])).decode()
    # The last 32 octets of either DER form are the key itself (RFC 8410).
    ed_private = base64.b64encode(run(['openssl', 'pkey', '-in', ed, '-outform', 'DER'])[-32:])
    ed_public = base64.b64encode(run(['openssl', 'pkey', '-in', ed, '-pubout', '-outform', 'DER'])[-32:]).decode()
    return {'rsa': (rsa_private, b'rsa-sha256', '"v=DKIM1; k=rsa; p=%s" "%s"' % (rsa_public[:200], rsa_public[200:])),
            'ed': (ed_private, b'ed25519-sha256', '"v=DKIM1; k=ed25519; p=%s"' % ed_public)}


def check(results, room, name_server, verifiers):
    keys = make_keys(room)
    name_server.add(['%s._domainkey.%s. TXT %s' % (selector, DOMAIN, record)
                     for selector, (_, _, record) in keys.items()])
    for selector, (private, algorithm, _) in keys.items():
        for canonicalization in (b'relaxed', b'simple'):
            signature = dkim.sign(MESSAGE, selector.encode(), DOMAIN.encode(), private,
                                  canonicalize=(canonicalization,) * 2, signature_algorithm=algorithm)
            label = '%s, %s' % (algorithm.decode(), canonicalization.decode())
            results.row(GROUP, label, judge.Judge(verifiers).faults(signature + MESSAGE, DOMAIN, [algorithm.decode()]))
            for verifier in verifiers:
                seen = verifier.verify((signature + MESSAGE).replace(b's=' + selector.encode(), b's=unknown'))
                results.check(GROUP, '%s, selector without a record, %s' % (label, verifier.name),
                              seen.get(('unknown', DOMAIN), 'not looked at') is not None, 'it verifies')
