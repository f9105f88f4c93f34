// Connects with node-postgres and @azure/identity, as Microsoft's pages show it. Prints the times in milliseconds, as one JSON array.
// node.js connect|cold COUNT

const fs = require("node:fs");
const { ManagedIdentityCredential } = require("@azure/identity");
const { Client, Pool } = require("pg");

const SCOPE = "https://ossrdbms-aad.database.windows.net/.default";
const url = new URL(process.env.DATABASE_URL);

function options() {
  const credential = new ManagedIdentityCredential();
  return {
    host: url.hostname,
    port: Number(url.port),
    user: url.username,
    database: url.pathname.slice(1),
    password: async () => (await credential.getToken(SCOPE)).token,
    ssl: { ca: fs.readFileSync(process.env.SSL_CERT_FILE, "utf8") },
  };
}

async function connect(count) {
  const shared = options();
  const held = [];
  const times = [];
  for (let number = 0; number <= count; number += 1) {
    const begun = performance.now();
    const client = new Client(shared);
    await client.connect();
    held.push(client);
    times.push(performance.now() - begun);
  }
  await Promise.all(held.map((client) => client.end()));
  // The first has fetched the token.
  return times.slice(1);
}

async function cold(count) {
  const begun = performance.now();
  const pool = new Pool({ ...options(), max: count });
  const held = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  const took = performance.now() - begun;
  held.forEach((client) => client.release());
  await pool.end();
  return [took];
}

const [what, count] = process.argv.slice(2);
({ connect, cold })[what](Number(count)).then((times) => console.log(JSON.stringify(times)));
