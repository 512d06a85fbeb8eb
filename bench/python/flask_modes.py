"""The seed's Flask application in the two ways it is measured. Gunicorn calls one of these in each worker."""

import os

import license_api
from psycopg2.pool import SimpleConnectionPool


def as_written():
    """As it is, but for the limiter: it would refuse the eleventh request of a minute."""
    license_api.limiter.enabled = False
    return license_api.app


def pooled():
    """The same with a pool in each worker, so that a request opens no connection. Its connections commit by themselves,
    or a single SELECT would cost two more round trips, for BEGIN and ROLLBACK."""
    pool = SimpleConnectionPool(1, 4, os.environ["DATABASE_URL"])
    license_api.get_db_connection = lambda: Lent(pool)
    return as_written()


class Lent:
    """A connection of the pool, which gets it back when it is closed."""

    def __init__(self, pool):
        self.pool, self.connection = pool, pool.getconn()
        self.connection.autocommit = True

    def cursor(self):
        return self.connection.cursor()

    def close(self):
        self.pool.putconn(self.connection)
