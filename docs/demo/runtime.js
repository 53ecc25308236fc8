// LiteRT.js, made to tell its errors. Used by the page, and by the tests in Node.

const ARRAYS = { int32: Int32Array, float32: Float32Array };

/**
 * Starts LiteRT.js; once only, as it keeps its state globally.
 * @param {object} litert The module `@litertjs/core`.
 * @param {string} folder Where its .wasm files are.
 * @returns {Promise<(bytes: Uint8Array) => Promise<Model>>} What loads a .tflite.
 */
export async function startRuntime(litert, folder) {
  // An op that fails only prints a line; the run goes on and returns whatever lay in memory.
  const errors = [];
  globalThis.Module = {
    print() {},
    printErr(line) {
      if (line.startsWith("ERROR") || line.startsWith("FATAL")) errors.push(line);
    },
  };
  await litert.loadLiteRt(folder);
  return async (bytes) => {
    errors.length = 0;
    const compiled = await litert.loadAndCompile(bytes, { accelerator: "wasm" });
    if (errors.length) throw new Error(errors.join("\n"));
    return new Model(litert, compiled, errors);
  };
}

/** A .tflite file, called with arrays by the names of its inputs. */
class Model {
  #litert;
  #compiled;
  #errors;

  constructor(litert, compiled, errors) {
    this.#litert = litert;
    this.#compiled = compiled;
    this.#errors = errors;
    this.inputs = compiled.getInputDetails();
    this.outputs = compiled.getOutputDetails();
  }

  /**
   * Runs the file: `{ids: [3, 1, 4]}` gives `{probabilities: Float32Array [0.1, 0.9]}`.
   * @param {object} values Numbers by the names of the inputs.
   * @param {string} [signature] Of a file with several, the one to run.
   */
  async run(values, signature) {
    this.#errors.length = 0;
    const runner = signature ? this.#compiled.signatures[signature] : this.#compiled;
    if (!runner) throw new Error(`The file has no signature "${signature}".`);
    const tensors = {};
    let results = {};
    try {
      for (const input of runner.getInputDetails()) {
        tensors[input.name] = this.#tensor(input, values);
      }
      results = await runner.run(tensors);
      if (this.#errors.length) throw new Error(this.#errors.join("\n"));
      const arrays = Object.entries(results).map(([name, tensor]) => [name, tensor.toTypedArray()]);
      return Object.fromEntries(arrays.map(([name, array]) => [name, array.slice()]));
    } finally {
      // The memory of WebAssembly has no garbage collector.
      for (const tensor of [...Object.values(tensors), ...Object.values(results)]) tensor.delete();
    }
  }

  #tensor({ name, dtype, shape }, values) {
    const size = shape.reduce((product, side) => product * side, 1);
    const text = `input "${name}" of shape [${shape}] and type ${dtype}`;
    if (shape.some((side) => side < 1)) {
      throw new Error(`The ${text} is not static; export with a fixed batch_size and length.`);
    }
    if (!ARRAYS[dtype]) throw new Error(`The ${text} is not one of ${Object.keys(ARRAYS)}.`);
    if (values[name]?.length !== size) {
      throw new Error(`The ${text} takes ${size} numbers; got ${values[name]?.length ?? "none"}.`);
    }
    return new this.#litert.Tensor(ARRAYS[dtype].from(values[name]), [...shape]);
  }
}
