"""The members of S10's segments at the end of a file of events, by DuckDB: one query a segment.

memberships.py FILE OUT [--threads N] [--changes CHANGES] writes {"customer_id", "segment"} for each member, as JSON lines, to OUT, and prints the seconds of
CPU and of wall-clock time that reading the file and the queries took, and the number of members by segment, as one JSON object. `now` is
the time of the last event, where a replay ends. With CHANGES, what `ruas replay` printed for the same file, the members are compared:
those whose last change is a join. It then prints whether they are equal, too, and ends with 1 where they are not.
"""

import argparse
import json
import resource
import sys
import time

import duckdb

# What the rules read of an event, with amounts as exact decimals and times as milliseconds since the epoch.
READ = """
    CREATE TABLE events AS
    SELECT type, customer_id, epoch_ms(time) AS time, category, device_type, amount
    FROM read_json($file, format = 'newline_delimited', columns = {
        type: 'VARCHAR', customer_id: 'VARCHAR', time: 'TIMESTAMPTZ', category: 'VARCHAR', device_type: 'VARCHAR',
        amount: 'DECIMAL(18, 2)'})
"""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def last(kind, window):
    """Where events of a type count that happened within a window up to now."""
    return f"type = '{kind}' AND time > getvariable('now') - {window}"


SEGMENTS = {
    "cart_abandoner": f"""
        SELECT DISTINCT customer_id FROM events AS cart
        WHERE {last('cart_add', DAY)} AND time + {30 * MINUTE} <= getvariable('now') AND NOT EXISTS (
            FROM events AS bought WHERE bought.type = 'purchase' AND bought.customer_id = cart.customer_id
            AND bought.time > cart.time AND bought.time <= cart.time + {30 * MINUTE})""",
    "big_spender": f"SELECT customer_id FROM events WHERE {last('purchase', 30 * DAY)} GROUP BY ALL HAVING sum(amount) >= 1000",
    "frequent_buyer": f"SELECT customer_id FROM events WHERE {last('purchase', 30 * DAY)} GROUP BY ALL HAVING count(*) >= 5",
    "lapsed": f"""
        SELECT customer_id FROM events WHERE type = 'purchase' GROUP BY ALL
        HAVING max(time) <= getvariable('now') - {14 * DAY}""",
    "heavy_browser": f"SELECT customer_id FROM events WHERE {last('product_view', DAY)} GROUP BY ALL HAVING count(*) >= 5",
    "explorer": f"""
        SELECT customer_id FROM events WHERE {last('product_view', 7 * DAY)} GROUP BY ALL
        HAVING count(DISTINCT category) >= 8""",
    "new_buyer": "SELECT customer_id FROM events WHERE type = 'purchase' GROUP BY ALL HAVING count(*) BETWEEN 1 AND 2",
    "loyal": "SELECT customer_id FROM events WHERE type = 'purchase' GROUP BY ALL HAVING count(*) >= 10",
    "phone_user": """
        SELECT customer_id FROM events WHERE type = 'device_seen' GROUP BY ALL
        HAVING arg_max(device_type, time) = 'phone'""",
    "premium": f"""
        SELECT customer_id FROM events WHERE type = 'purchase' GROUP BY ALL
        HAVING count(*) >= 2 AND sum(amount) FILTER ({last('purchase', 60 * DAY)})
            >= 150 * nullif(count(*) FILTER ({last('purchase', 60 * DAY)}), 0)""",
}


class Spent:
    """Seconds of CPU, user and system, and of wall-clock time since it was made."""

    def __init__(self):
        self.cpu, self.wall = self.now()

    @staticmethod
    def now():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime, time.monotonic()

    def seconds(self):
        cpu, wall = self.now()
        return {"cpu": round(cpu - self.cpu, 3), "wall": round(wall - self.wall, 3)}


def members_after(changes):
    """The (segment, customer_id) whose last change is a join."""
    members = set()
    with open(changes, encoding="utf-8") as lines:
        for change in map(json.loads, lines):
            member = change["segment"], change["customer_id"]
            if change["change"] == "join":
                members.add(member)
            else:
                members.discard(member)
    return members


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--changes")
    args = parser.parse_args()

    db = duckdb.connect(config={"threads": args.threads})
    # An order of rows is of no use to the queries, and keeping it costs memory.
    db.execute("SET preserve_insertion_order = false")
    db.execute("SET TimeZone = 'UTC'")
    spent = Spent()
    db.execute(READ, {"file": args.file})
    reading = spent.seconds()
    spent = Spent()
    db.execute("SET VARIABLE now = (SELECT max(time) FROM events)")
    members = {name: [row[0] for row in db.execute(query).fetchall()] for name, query in SEGMENTS.items()}
    queries = spent.seconds()

    with open(args.out, "w", encoding="utf-8") as out:
        for name in sorted(members):
            for customer in sorted(members[name]):
                out.write(json.dumps({"customer_id": customer, "segment": name}) + "\n")
    result = {
        "duckdb": duckdb.__version__,
        "threads": args.threads,
        "read": reading,
        "queries": queries,
        "members": {name: len(members[name]) for name in sorted(members)},
    }
    if args.changes:
        rows = sorted((name, customer) for name in members for customer in members[name])
        result["equal"] = rows == sorted(members_after(args.changes))
    print(json.dumps(result))
    return 0 if result.get("equal", True) else 1


if __name__ == "__main__":
    sys.exit(main())
