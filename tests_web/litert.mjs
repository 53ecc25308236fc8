// LiteRT.js under Node: what it takes from a browser is put in its place.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { startRuntime } from "../docs/demo/runtime.js";

const wasm = fileURLToPath(new URL("node_modules/@litertjs/core/wasm/", import.meta.url));

globalThis.self = globalThis;
globalThis.importScripts = (file) => {
  // A plain script that leaves a global variable, in a package whose files are all modules.
  const code = `${fs.readFileSync(file, "utf8")}; return ModuleFactory;`;
  const script = new Function("require", "__dirname", "__filename", code);
  globalThis.ModuleFactory = script(createRequire(import.meta.url), path.dirname(file), file);
};

/** Starts LiteRT.js; see `startRuntime`. */
export async function start() {
  const { warn } = console;
  console.warn = () => {}; // that there is no GPU
  try {
    return await startRuntime(await import("@litertjs/core"), wasm);
  } finally {
    console.warn = warn;
  }
}

/** Answers one question: JSON on standard input, JSON on standard output. */
export async function answer(respond) {
  try {
    const given = JSON.parse(fs.readFileSync(0, "utf8"));
    process.stdout.write(JSON.stringify(await respond(given)), () => process.exit(0));
  } catch (error) {
    process.stderr.write(`${error.message ?? error}\n`, () => process.exit(1));
  }
}
