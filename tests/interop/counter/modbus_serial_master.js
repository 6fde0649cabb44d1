// npm's modbus-serial as a master: {"do": "read", "line": …, "address": 0, "count": 5} in, {"values": […]} out.
const ModbusRTU = require("modbus-serial");
const readline = require("readline");

const UNIT = 17;
const ANSWER_MS = 400;

async function work(asked) {
    const client = new ModbusRTU();
    client.on("error", () => {}); // a line that goes is told by the question's own error
    try {
        await client.connectRTUBuffered(asked.line, { baudRate: 9600 });
        client.setID(UNIT);
        client.setTimeout(ANSWER_MS);
        if (asked.do === "write") {
            await client.writeRegister(asked.address, asked.value);
            return {};
        }
        return { values: (await client.readHoldingRegisters(asked.address, asked.count)).data };
    } catch (error) {
        return { failed: String(error.message || error.name || error) };
    } finally {
        await new Promise((closed) => (client.isOpen ? client.close(closed) : closed()));
    }
}

async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        process.stdout.write(JSON.stringify(await work(JSON.parse(line))) + "\n");
    }
}

main();
