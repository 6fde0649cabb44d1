// A till with Transbank's SDK for Node, told what to do in lines of JSON (tests/interop/peers.py).
// Its answers have the names that the SDK for Python gives them, so that one test speaks to both.
'use strict';

const readline = require('readline');
const { POSIntegrado } = require('transbank-pos-sdk');

const pos = new POSIntegrado();
pos.ackTimeout = 1500;
pos.posTimeout = 15000;

// The SDK waits for its timeout when its port is gone; a till's program would look at the event.
const orGone = (said) =>
  new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the port is gone'));
    pos.once('port_closed', gone);
    said.then(resolve, reject).finally(() => pos.off('port_closed', gone));
  });

const code = (said) => String(said.responseCode).padStart(2, '0');
const told = (said) => ({
  response_code: code(said),
  ticket: said.ticket,
  amount: String(said.amount),
  authorization_code: said.authorizationCode,
  operation_number: said.operationNumber,
  terminal_id: said.terminalId,
  card_brand: said.cardBrand,
  real_date: said.realDate,
});

const DO = {
  open: async ({ path }) => pos.connect(path),
  poll: async () => pos.poll(),
  normal_mode: async () => pos.changeToNormalMode(),
  keys: async () => ({ response_code: code(await pos.loadKeys()) }),
  sale: async ({ amount, ticket, shows }) => {
    const shown = [];
    const said = await pos.sale(amount, ticket, Boolean(shows), (status) => shown.push(code(status)));
    return { ...told(said), shown };
  },
  last_sale: async () => told(await pos.getLastSale()),
  reverse: async ({ operation }) => {
    const said = await pos.refund(operation);
    return { response_code: code(said), operation_number: said.operationId };
  },
  detail: async () => {
    const sales = await pos.salesDetail(false);
    pos.waiting = false; // the SDK forgets to
    return sales.map(told);
  },
  totals: async () => {
    const said = await pos.getTotals();
    return { response_code: code(said), tx_count: String(said.txCount), tx_total: String(said.txTotal) };
  },
  close: async () => ({ response_code: code(await pos.closeDay()) }),
  multicode_sale: async ({ amount, ticket, shop }) => told(await pos.multicodeSale(amount, ticket, shop)),
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: what, ...named } = JSON.parse(line);
    let said;
    try {
      said = await orGone(DO[what](named));
    } catch (error) {
      pos.waiting = false;
      pos.connecting = false;
      said = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  process.exit(0);
})();
