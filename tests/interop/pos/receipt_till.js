// A till that prints with receiptline or @point-of-sale/receipt-printer-encoder: the job as hex.
const readline = require('node:readline');
const receiptline = require('receiptline');
const encoders = require('@point-of-sale/receipt-printer-encoder');
const Encoder = encoders.default || encoders;

function byReceiptline({ text, options }) {
  return Buffer.from(receiptline.transform(text, options), 'binary').toString('hex');
}

function byEncoder({ title, head, items, sums, options }) {
  const encoder = new Encoder({ language: 'esc-pos', columns: 42, ...options });
  const columns = [{ width: 22, align: 'left' }, { width: 6, align: 'right' }, { width: 10, align: 'right' }];
  const pair = [{ width: 28, align: 'left' }, { width: 10, align: 'right' }];
  encoder.initialize().codepage('auto');
  encoder.align('center').bold(true).size(2, 2).line(title).size(1, 1).bold(false).align('left');
  head.forEach((line) => encoder.line(line));
  encoder.table(columns, items).rule({ style: 'double' }).table(pair, sums);
  encoder.barcode('313063057461', 'ean13', { height: 60 }).qrcode('https://example.test/r/77').pdf417('77');
  return Buffer.from(encoder.pulse().cut('partial').encode()).toString('hex');
}

const does = { receiptline: byReceiptline, encoder: byEncoder };
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const asked = JSON.parse(line);
  process.stdout.write(JSON.stringify(does[asked.do](asked)) + '\n');
});
