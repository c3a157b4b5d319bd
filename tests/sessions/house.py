"""The daemon that the sessions are recorded with and replayed to: its domains, its rules, whom it trusts."""
import base64
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../wire"))

from harness import Room, wait_for  # noqa: E402
from milter_client import Client, Message  # noqa: E402

DOMAIN, VAULT, STRICT = "house.example", "vault.example", "strict.example"
SELECTORS = (DOMAIN + ":rsa1:rsa", DOMAIN + ":ed1:ed")
SEALED_FOR = "jim"      # @VAULT; kept in people/, so that what was recorded can be opened
KEY, CERT = (os.path.join(HERE, "people", SEALED_FOR + ending) for ending in (".key", ".pem"))
OUTSIDE = "OUTSIDE"     # the port on which an address alone gives no trust
CLIENT_NAME, CA_NAME = "client.house.example", "House CA"


class House(Room):
    def furnish(self, beside=None):
        """Make the state and the configuration; BESIDE: another house, whose state is used."""
        if beside is None:
            self.selectors(*SELECTORS, "%s@%s:%s:cert" % (SEALED_FOR, VAULT, CERT))
        else:
            self.state_dir, self.dns = beside.state_dir, beside.dns
        self.configure(
            domains=tuple({"name": name} for name in (DOMAIN, VAULT, STRICT)),
            trust={"not_daemons": [OUTSIDE], "certificates": ({"subject": CLIENT_NAME, "issuer": CA_NAME},)},
            spool={"dir": self.dir},
            rules=({"name": "vault", "level": "domain", "owner": VAULT,
                    "do": (("Store Encrypted in", "INBOX"), ("Discard",))},
                   {"name": "strict", "level": "domain", "owner": STRICT, "when": (("Subject", "is", "*unwanted*"),),
                    "do": (("Reject with", "Not wanted here"),)}))

    def settle(self, daemon):
        """Wait until every session is over for the daemon, and what it logs of them is in daemon.lines: the line of a
        message that is sent now comes behind them."""
        self.settled = getattr(self, "settled", 0) + 1
        queue_id = "SETTLED%d" % self.settled
        with Client(self.socket) as c:
            c.start(addr="192.0.2.1")
            c.message(Message(macros={"eoh": {"i": queue_id}, "eom": {"i": queue_id}}))
            c.quit()
        wait_for(lambda: daemon.records_of(queue_id), "the line of " + queue_id)
        wait_for(lambda: daemon.status()["connections"] == 0, "the end of every session")


def open_body(octets):
    """What jim reads in a body: [(name, entity)]; the body itself where it is no envelope that jim can open."""
    der = base64.b64decode(octets)
    out = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-recip", CERT, "-inkey", KEY, "-binary"],
                         input=der, capture_output=True)
    return [(SEALED_FOR, out.stdout)] if out.returncode == 0 else [("nobody", octets)]
