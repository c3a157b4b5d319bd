"""What every wire test needs: a state, a configuration, the real daemon, and counted checks.

A test is a function whose name begins with test_; run(globals()) runs them all in order, each with a fresh Room
(a private directory), and prints what was counted. A sanitizer's report in the output of a daemon is a failure.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("builddir", "."))
MAILSEALD = os.path.join(BUILD, "src/daemon/mailseald")
MKSTATE = os.path.join(BUILD, "tests/wire/mkstate")
WHO = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
SANITIZER = re.compile(r"(ERROR|WARNING): (\w+Sanitizer)|runtime error:|LeakSanitizer|SUMMARY: \w+Sanitizer")
TERM = signal.SIGTERM
PATIENCE = 60   # seconds for anything that must happen; nothing is measured by it

checks = {"done": 0, "failed": 0}


def check(good, what, *details):
    """One counted check."""
    checks["done"] += 1
    if not good:
        checks["failed"] += 1
        caller = traceback.extract_stack(limit=2)[0]
        print("FAILED %s:%d: %s" % (os.path.basename(caller.filename), caller.lineno, what))
        for d in details:
            print("    %r" % (d,))
    return good


def same(got, want, what):
    return check(got == want, what, ("got", got), ("want", want))


def wait_for(condition, what, patience=PATIENCE):
    """Until CONDITION() is true; its value. Counted only when it never is."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    check(False, "waited %d s for: %s" % (patience, what))
    return None


def libconfig(value):
    """A Python value in the syntax of the configuration file; tuples are lists, lists are arrays."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, libconfig(v)) for k, v in value.items())
    inside = ", ".join(libconfig(v) for v in value)
    return "(%s)" % inside if isinstance(value, tuple) else "[%s]" % inside


class Room:
    """A private directory with a short path: socket paths are at most 107 bytes."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="msw.", dir="/tmp")
        self.conf_file = self.path("mailseal.conf")
        self.state_dir = self.path("state")
        self.socket = "unix:" + self.path("m.sock")
        self.control = self.path("c.sock")
        self.user = WHO
        self.dns = {}
        self.daemons = []
        os.mkdir(self.state_dir, 0o700)

    def path(self, name):
        return os.path.join(self.dir, name)

    def selectors(self, *wanted, state_dir=None):
        """DOMAIN:SELECTOR:rsa|ed: made, active, and their records known to verify()."""
        out = subprocess.run([MKSTATE, state_dir or self.state_dir, *wanted], capture_output=True, text=True)
        if out.returncode != 0:
            raise RuntimeError("mkstate: " + out.stderr)
        for line in out.stdout.splitlines():
            name, record = line.split(" ", 1)
            self.dns[name] = record

    def give_away(self, uid, gid):
        for base, dirs, files in os.walk(self.dir):
            for name in ["."] + files:
                os.chown(os.path.join(base, name), uid, gid)

    def settings(self, **changes):
        """The whole configuration: CHANGES over what the tests share. None removes a key."""
        s = {"milter": {"socket": self.socket, "stop_timeout": "20s"}, "control": {"socket": self.control},
             "state_dir": self.state_dir, "user": self.user, "log": {"target": "stderr"},
             "domains": ({"name": "example.com"},)}
        for key, value in changes.items():
            if isinstance(value, dict):
                s[key] = dict(s.get(key, {}), **value)
            elif value is None:
                del s[key]
            else:
                s[key] = value
        return s

    def text(self, **changes):
        return "".join("%s = %s;\n" % (k, libconfig(v)) for k, v in self.settings(**changes).items())

    def configure(self, text=None, **changes):
        """Write the configuration as an editor does: a new file, renamed."""
        with open(self.conf_file + ".new", "w") as f:
            f.write(text if text is not None else self.text(**changes))
        os.replace(self.conf_file + ".new", self.conf_file)

    def start(self, *options, **how):
        d = Daemon(self, options, **how)
        self.daemons.append(d)
        return d

    def run_to_end(self, *options):
        """mailseald with OPTIONS, which is expected to end by itself: (status, output)."""
        d = self.start(*options, wait=False)
        try:
            status = d.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = None
        d.forget()
        return status, d.log()

    def close(self):
        for d in self.daemons:
            d.forget()
            report = SANITIZER.search(d.log())
            if report:
                check(False, "a sanitizer complains", d.log()[report.start():report.start() + 3000])
        shutil.rmtree(self.dir, ignore_errors=True)


class Daemon:
    """A mailseald. Its output is kept as it comes."""

    def __init__(self, room, options=(), wait=True, environ=None, preexec=None):
        self.room = room
        self.lines = []
        env = {k: v for k, v in os.environ.items() if k not in ("JOURNAL_STREAM", "NOTIFY_SOCKET")}
        self.process = subprocess.Popen([MAILSEALD, "-c", room.conf_file, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="backslashreplace", env=dict(env, **(environ or {})),
                                        preexec_fn=preexec)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait and not wait_for(lambda: self.said(" listens on ") or not self.running(), "the daemon listens"):
            raise RuntimeError("no start: " + self.log())
        if wait and not self.running():
            self.reader.join(5)
            raise RuntimeError("mailseald ended: " + self.log())

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def log(self):
        return "\n".join(self.lines)

    def said(self, words, since=0):
        return any(words in line for line in self.lines[since:])

    def wait_said(self, words, since=0):
        return wait_for(lambda: self.said(words, since), "the log says %r" % words)

    def records_of(self, queue_id):
        return [line for line in self.lines if line.startswith(queue_id + ": ")]

    def record_of(self, queue_id):
        """The one line of a message; it is written before the answer goes out."""
        wait_for(lambda: self.records_of(queue_id), "a log line of %s" % queue_id, 10)
        found = self.records_of(queue_id)
        same(len(found), 1, "one log line for %s" % queue_id)
        return found[0] if found else ""

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def ask(self, command):
        """The answer of the control socket, a line."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.room.control)
            s.sendall(command.encode() + b"\n")
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        return answer.decode().rstrip("\n")

    def status(self):
        return json.loads(self.ask("status"))

    def counter(self, name):
        return self.status()["counters"][name]

    def stop(self, number=TERM):
        """Its exit status."""
        self.signal(number)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            check(False, "did not stop", self.log()[-2000:])
            status = None
        self.forget()
        return status

    def forget(self):
        if self.running():
            self.process.kill()
            self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()


def verify(room, octets):
    """What dkimpy says of every signature on the message, topmost first: [(domain, selector, good), ...]."""
    import dkim

    def txt(name, timeout=5):
        return room.dns.get(name.decode().rstrip("."), "").encode() or None

    result = []
    count = sum(1 for h in dkim.rfc822_parse(octets)[0] if h[0].lower() == b"dkim-signature")
    for i in range(count):
        d = dkim.DKIM(octets, minkey=512)
        try:
            good = d.verify(idx=i, dnsfunc=txt)
        except dkim.DKIMException:
            good = False
        result.append((d.domain.decode(), d.selector.decode(), bool(good)))
    return result


def signatures(octets):
    """Their tags, topmost first: [{"d": ..., "s": ..., ...}, ...]."""
    head = octets.split(b"\r\n\r\n", 1)[0].replace(b"\r\n\t", b"").replace(b"\r\n ", b"").split(b"\r\n")
    found = []
    for line in head:
        name, _, value = line.partition(b":")
        if name.lower() == b"dkim-signature":
            tags = dict(t.strip().split(b"=", 1) for t in value.split(b";") if b"=" in t)
            found.append({k.strip().decode(): v.strip().decode() for k, v in tags.items()})
    return found


def run(namespace, make_room=Room, programs=(MAILSEALD, MKSTATE)):
    """Every test_* of a module, each in a room of its own. Exits."""
    only = [a for a in sys.argv[1:] if not a.startswith("-")]
    name = os.path.basename(sys.argv[0])
    tests = [(n, f) for n, f in namespace.items() if n.startswith("test_") and (not only or n in only)]
    for program in programs:
        if not os.access(program, os.X_OK):
            sys.exit("%s is missing: \"make check\" builds it" % program)
    for test_name, function in tests:
        before = checks["failed"]
        room = make_room()
        try:
            function(room)
        except Exception:
            check(False, "%s raised" % test_name, traceback.format_exc())
        if checks["failed"] != before:
            for d in room.daemons:
                print("--- log of the daemon:\n%s\n---" % d.log()[-4000:])
        room.close()
        print("%s %s" % ("ok    " if checks["failed"] == before else "FAILED", test_name), flush=True)
    print("%s: %d tests, %d checks, %d failed" % (name, len(tests), checks["done"], checks["failed"]))
    sys.exit(1 if checks["failed"] or not checks["done"] else 0)
