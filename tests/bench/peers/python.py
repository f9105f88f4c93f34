"""Connects with the libraries that Python's users take. Prints the times in milliseconds, as one JSON array.

python.py LIBRARY connect|cold COUNT, where LIBRARY is psycopg or asyncpg.
"""

import asyncio
import json
import os
import ssl
import sys
import time

import asyncpg
import psycopg_pool
from azure.identity import ManagedIdentityCredential
from azure_postgresql_auth.psycopg3 import EntraConnection

SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
URL = os.environ["DATABASE_URL"]


def since(begun):
    return (time.perf_counter() - begun) * 1e3


def psycopg_connect(count):
    """By Microsoft's package for psycopg 3."""
    credential = ManagedIdentityCredential()
    held, times = [EntraConnection.connect(URL, credential=credential)], []
    for _ in range(count):
        begun = time.perf_counter()
        held.append(EntraConnection.connect(URL, credential=credential))
        times.append(since(begun))
    return times


def psycopg_cold(count):
    begun = time.perf_counter()
    pool = psycopg_pool.ConnectionPool(
        URL,
        kwargs={"credential": ManagedIdentityCredential()},
        connection_class=EntraConnection,
        min_size=count,
        max_size=count,
        num_workers=16,
        open=False,
    )
    pool.open(wait=True, timeout=120)
    took = since(begun)
    pool.close()
    return [took]


def asyncpg_options():
    """A function in place of the password, as asyncpg's documentation has it."""
    credential = ManagedIdentityCredential()
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    return {
        "dsn": URL.split("?")[0],
        "password": lambda: credential.get_token(SCOPE).token,
        "ssl": context,
    }


async def asyncpg_connect(count):
    options = asyncpg_options()
    held, times = [await asyncpg.connect(**options)], []
    for _ in range(count):
        begun = time.perf_counter()
        held.append(await asyncpg.connect(**options))
        times.append(since(begun))
    return times


async def asyncpg_cold(count):
    begun = time.perf_counter()
    pool = await asyncpg.create_pool(**asyncpg_options(), min_size=count, max_size=count)
    took = since(begun)
    pool.terminate()
    return [took]


library, what, count = sys.argv[1:]
result = globals()[f"{library}_{what}"](int(count))
print(json.dumps(asyncio.run(result) if library == "asyncpg" else result))
