// A till with Adyen's own library. A line {"do": "ask", "id": 1, "document": {…}} comes in; a line with the same
// id goes out when the terminal has answered, or the library has given up. {"do": "open", …} chooses the terminal.
const { Client, TerminalLocalAPI } = require("@adyen/api-library");
const plainApi = require("@adyen/api-library/lib/src/services/terminalLocalAPIUnencrypted").default;

let api, key;

function open({ address, certificate, passphrase }) {
  const client = new Client({
    apiKey: "till",
    environment: "TEST",
    terminalApiLocalEndpoint: `https://${address}`,
    certificatePath: certificate,
    connectionTimeoutMillis: 15000,
  });
  key = passphrase && { AdyenCryptoVersion: 1, KeyIdentifier: "mykey", KeyVersion: 1, Passphrase: passphrase };
  api = passphrase ? new TerminalLocalAPI(client) : new plainApi(client);
}

function say(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

async function ask({ id, document }) {
  try {
    const response = key ? await api.request(document, key) : await api.request(document);
    say({ id, response });
  } catch (error) {
    say({ id, error: String(error.message || error), body: error.responseBody });
  }
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const wish = JSON.parse(line);
  if (wish.do === "open") {
    open(wish);
    say({ opened: true });
  } else {
    ask(wish);
  }
});
