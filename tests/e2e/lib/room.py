"""A temporary directory and the processes that live in it."""

import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


class Failed(Exception):
    """A program did not do what the test needs; the text says which, and what it wrote."""


def tail(path, lines=15):
    try:
        with open(path, 'rb') as f:
            text = f.read().decode('utf-8', 'backslashreplace')
    except OSError:
        return ''
    return '\n'.join('    ' + line for line in text.splitlines()[-lines:])


def wait_until(check, what, limit=20.0, log=None):
    """Wait for check() to give something true, at most limit seconds, and return it."""
    end = time.monotonic() + limit
    pause = 0.01
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed('%s: not within %g s%s' % (what, limit, '\n' + tail(log) if log else ''))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def port_open(port, host='127.0.0.1'):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def socket_open(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        return True
    except OSError:
        return False
    finally:
        s.close()


def ended(pid):
    """Is the process gone, or a zombie that only waits for its parent?"""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rpartition(')')[2].split()[0] == 'Z'
    except OSError:
        return True


class Process:
    """One program in the foreground, in a session of its own, with its output in a file."""

    def __init__(self, name, argv, out, env=None, cwd=None):
        self.name, self.out = name, out
        with open(out, 'ab') as f:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env,
                                          cwd=cwd, start_new_session=True)
        self.pid = self.child.pid

    def wait_ready(self, check, limit=20.0):
        def ready():
            if self.child.poll() is not None:
                raise Failed('%s ended with status %d before it was ready\n%s'
                             % (self.name, self.child.returncode, tail(self.out)))
            return check()
        wait_until(ready, self.name, limit, self.out)

    def family(self):
        """The process and its children: {pid: the fields behind its name in /proc/PID/stat}."""
        found = {}
        for path in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(path) as f:
                    fields = f.read().rpartition(')')[2].split()
            except OSError:
                continue
            pid = int(path.split('/')[2])
            if self.pid in (pid, int(fields[1])):
                found[pid] = fields
        return found

    def cpu_seconds(self):
        """User and system time of the family so far."""
        ticks = sum(int(fields[11]) + int(fields[12]) for fields in self.family().values())
        return ticks / os.sysconf('SC_CLK_TCK')

    def memory(self, what='VmRSS'):
        """Megabytes (10^6) of the family: VmRSS now, VmHWM at most since forget_peak()."""
        total = 0
        for pid in self.family():
            with open('/proc/%d/status' % pid) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(what + ':'))
        return total * 1024 / 1e6

    def forget_peak(self):
        for pid in self.family():
            with open('/proc/%d/clear_refs' % pid, 'w') as f:
                f.write('5')

    def stop(self, limit=10.0):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(limit)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Room:
    """with Room() as room: everything that was started is stopped and removed at the end."""

    def __init__(self, prefix='mailseal-'):
        # Unix socket paths are short (107 bytes), and $TMPDIR may be long: /tmp it is.
        self.path = tempfile.mkdtemp(prefix=prefix, dir='/tmp')
        # Postfix, knot and the filters run as users of their own and must get through.
        os.chmod(self.path, 0o711)
        self.things = []
        self.keep = False
        self._lock = threading.Lock()
        self._next_port = random.randrange(15000, 30000)

    def __enter__(self):
        # What a TERM ends must not leave servers behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind not in (KeyboardInterrupt, SystemExit):
            self.show_logs()
        self.close()

    def file(self, *parts):
        return os.path.join(self.path, *parts)

    def dir(self, *parts, mode=0o755, owner=None, group=None):
        path = self.file(*parts)
        os.makedirs(path, exist_ok=True)
        if owner or group:
            shutil.chown(path, owner, group)
        os.chmod(path, mode)
        return path

    def write(self, name, text, mode=0o644):
        path = self.file(name)
        with open(path, 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def port(self):
        """A free TCP and UDP port on loopback, below the range that the kernel gives to clients."""
        for _ in range(1000):
            with self._lock:
                self._next_port = self._next_port + 1 if self._next_port < 31900 else 15000
                port = self._next_port
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    s = socket.socket(socket.AF_INET, kind)
                    s.bind(('127.0.0.1', port))
                    s.close()
                return port
            except OSError:
                continue
        raise Failed('no free port on 127.0.0.1')

    def start(self, name, argv, env=None, cwd=None):
        return self.add(Process(name, argv, self.file(name + '.out'), env, cwd))

    def add(self, thing):
        """Anything with a method stop(); the last one added is stopped first."""
        self.things.append(thing)
        return thing

    def drop(self, thing):
        self.things.remove(thing)
        return thing.stop()

    def pids(self):
        return [t.pid for t in self.things if getattr(t, 'pid', None)]

    def show_logs(self, lines=12):
        for name in sorted(os.listdir(self.path)):
            if name.endswith(('.out', '.log')) and os.path.getsize(self.file(name)):
                print('--- %s' % name, file=sys.stderr)
                print(tail(self.file(name), lines), file=sys.stderr)

    def close(self):
        while self.things:
            self.things.pop().stop()
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


def run(argv, good=(0,), **options):
    """Run to the end; Failed with the output when the status is not one of GOOD."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **({'stdin': subprocess.DEVNULL} if 'input' not in options else {}), **options)
    if done.returncode not in good:
        text = (done.stdout + done.stderr).decode('utf-8', 'backslashreplace').strip()
        raise Failed('%s: exit %d\n%s' % (' '.join(map(str, argv)), done.returncode, text))
    return done.stdout
