// Runs a .tflite in LiteRT.js: {file, inputs: [{name: [numbers]}, …]} in, the outputs alike out;
// with `signature` that of a file with several. Each array is flat. Exits with 1 if the file is refused or anything in it fails.

import fs from "node:fs";

import { answer, start } from "./litert.mjs";

await answer(async ({ file, inputs, signature }) => {
  const loadModel = await start();
  const model = await loadModel(new Uint8Array(fs.readFileSync(file)));
  const outputs = [];
  for (const values of inputs) {
    const results = Object.entries(await model.run(values, signature));
    outputs.push(Object.fromEntries(results.map(([name, array]) => [name, [...array].map(exact)])));
  }
  return outputs;
});

// JSON knows no NaN and no infinity, and would make them null.
function exact(number) {
  return Number.isFinite(number) ? number : String(number);
}
