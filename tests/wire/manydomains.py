"""A catalogue and a configuration of very many domains. Making a key for each would take hours: they share a few."""
import os
import sqlite3

COLUMNS = "alg, state, fingerprint, public, bits, created, not_before, seen_since"


def names(count):
    return ["d%06d.example" % i for i in range(count)]


def fill_catalogue(state_dir, domains, algorithm="rsa-sha256"):
    """Each of DOMAINS gets a selector "s1" that is a copy of one of ALGORITHM that is there, in turn."""
    db = sqlite3.connect(os.path.join(state_dir, "catalogue.db"))
    rows = db.execute("select %s from selector where alg = ?" % COLUMNS, (algorithm,)).fetchall()
    db.executemany("insert into selector_name values (?, 's1', 0)", ((d,) for d in domains))
    db.executemany("insert into selector (domain, name, %s) values (?, 's1', ?, ?, ?, ?, ?, ?, ?, ?)" % COLUMNS,
                   ((d, *rows[i % len(rows)]) for i, d in enumerate(domains)))
    db.commit()
    db.close()


def one_list(domains):
    """For the one configuration file."""
    return "domains = (\n%s\n);\n" % ",\n".join('  { name = "%s"; }' % d for d in domains)


def one_file_each(directory, domains):
    """For domains.d."""
    os.makedirs(directory, exist_ok=True)
    for d in domains:
        with open(os.path.join(directory, d + ".conf"), "w") as f:
            f.write(one_list([d]))
