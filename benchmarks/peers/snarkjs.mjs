// snarkjs: PLONK, from a circuit's and a witness' files. Speaks the protocol of worker.py.
// Single-threaded when CONTESTANT_CORES is 1, else with its own worker threads. The setup is no part of a run.
import { readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { plonk, zKey } from "snarkjs";

const single = (process.env.CONTESTANT_CORES ?? "1") === "1";
const manifest = fileURLToPath(new URL("./node_modules/snarkjs/package.json", import.meta.url));
const about = { library: "snarkjs", version: JSON.parse(readFileSync(manifest)).version };
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

const tasks = {
  async prove_plonk({ r1cs, ptau, zkey, wtns }) {
    const start = process.hrtime.bigint();
    await plonk.setup(r1cs, ptau, zkey);
    const setup_s = seconds(start);
    return {
      run: () => plonk.prove(zkey, wtns, undefined, { singleThread: single }),
      async encode({ proof, publicSignals }) {
        const verified = await plonk.verify(await zKey.exportVerificationKey(zkey), publicSignals, proof);
        const words = Object.values(proof).flatMap((part) => (Array.isArray(part) ? part.slice(0, 2) : [part]));
        const proof_bytes = 32 * words.filter((word) => /^\d+$/.test(word)).length;
        const peak_bytes = 1024 * process.resourceUsage().maxRSS;
        return JSON.stringify({ verified, setup_s, proof_bytes, key_bytes: statSync(zkey).size, peak_bytes });
      },
    };
  },
};

let prepared = null;
let last = null;

async function answer(request) {
  if (request.do === "prepare") {
    prepared = await tasks[request.task](request.inputs);
    last = null;
    return about;
  }
  if (request.do === "result") return { result: await prepared.encode(last ?? (await prepared.run())) };
  last = null;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  last = await prepared.run();
  const wall_s = seconds(start);
  const used = process.cpuUsage(cpu);
  return { wall_s, cpu_s: (used.user + used.system) / 1e6, convert_wall_s: 0, convert_cpu_s: 0 };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
await globalThis.curve_bn128?.terminate();
process.exit(0);
