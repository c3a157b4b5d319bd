"""Private instances of real programs (mail servers, name server, verifiers) for tests and demonstrations.

Everything lives below one temporary directory (a Room), listens on loopback only and is ended by process id.
"""
