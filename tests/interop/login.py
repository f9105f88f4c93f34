"""Logs in with the unmodified Azure SDK for Python: the emulator is Azure to more than our own code."""

import os
import subprocess
import sys

import psycopg
from azure import identity

SCOPE = "https://ossrdbms-aad.database.windows.net/.default"

CREDENTIALS = {
    "managed-identity": identity.ManagedIdentityCredential,
    "imds": identity.ManagedIdentityCredential,
    "workload-identity": identity.WorkloadIdentityCredential,
    "azure-cli": identity.AzureCliCredential,
    # The SDK asks the public cloud about every authority that it does not know, unless told not to.
    "client-secret": lambda: identity.ClientSecretCredential(
        os.environ["AZURE_TENANT_ID"],
        os.environ["AZURE_CLIENT_ID"],
        os.environ["AZURE_CLIENT_SECRET"],
        authority=os.environ["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
    ),
}

source = sys.argv[1]
token = CREDENTIALS[source]().get_token(SCOPE).token
url = os.environ["DATABASE_URL"]

with psycopg.connect(url, password=token) as connection:
    (user,) = connection.execute("SELECT current_user").fetchone()

by_psql = subprocess.run(
    ["psql", url, "-At", "-c", "SELECT current_user"],
    env={**os.environ, "PGPASSWORD": token},
    check=True,
    capture_output=True,
    text=True,
).stdout.strip()

assert user == by_psql == "app", (user, by_psql)
print(f"{source}: logged in as {user} with psycopg and psql")
