// ffjavascript: the WebAssembly arithmetic behind snarkjs. Speaks the protocol of worker.py.
// Single-threaded when CONTESTANT_CORES is 1, else with its own worker threads.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildBn128 } from "ffjavascript";

const single = (process.env.CONTESTANT_CORES ?? "1") === "1";
const curve = await buildBn128(single);
const manifest = fileURLToPath(new URL("./node_modules/ffjavascript/package.json", import.meta.url));
const about = { library: "ffjavascript", version: JSON.parse(readFileSync(manifest)).version };

/** 32-byte integers, big-endian to little-endian or back. */
function reversed(bytes) {
  const out = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += 32) {
    for (let i = 0; i < 32; i++) out[start + i] = bytes[start + 31 - i];
  }
  return out;
}

const read = (path) => new Uint8Array(readFileSync(path));

const tasks = {
  async msm(inputs) {
    const scalars = reversed(read(inputs.scalars));
    const points = await curve.G1.batchUtoLEM(read(inputs.points).slice(0, 2 * scalars.length));
    return {
      run: () => curve.G1.multiExpAffine(points, scalars),
      encode: async (total) => Buffer.from(curve.G1.toUncompressed(total)).toString("hex"),
    };
  },
  async ntt(inputs) {
    const values = await curve.Fr.batchToMontgomery(reversed(read(inputs.scalars)));
    return {
      run: () => curve.Fr.fft(values),
      encode: async (out) =>
        createHash("sha256").update(reversed(await curve.Fr.batchFromMontgomery(out))).digest("hex"),
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
  const wall = process.hrtime.bigint();
  last = await prepared.run();
  const wall_s = Number(process.hrtime.bigint() - wall) / 1e9;
  const used = process.cpuUsage(cpu);
  return { wall_s, cpu_s: (used.user + used.system) / 1e6, convert_wall_s: 0, convert_cpu_s: 0 };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
await curve.terminate();
process.exit(0);
