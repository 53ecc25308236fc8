// A text classifier in one file: the model with its vocabulary, its rules and its labels.

import { attachedFiles } from "./attachments.js";
import { Tokenizer } from "./tokenizer.js";

const NEEDED = ["vocabulary.txt", "tokenizer.json", "labels.txt"];

/** Judges texts, and tells what each word weighed. */
export class Classifier {
  #model;
  #input;
  #output;
  #tokenizer;

  constructor(model, tokenizer, labels) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.labels = labels;
    [this.#input, this.#output] = [model.inputs[0], model.outputs[0]];
    const found = [...model.inputs, ...model.outputs].map(
      ({ name, dtype, shape }) => `${name}: ${dtype} [${[...shape].join(", ")}]`,
    );
    const fits =
      found.length === 2 &&
      this.#input.dtype === "int32" &&
      this.#input.shape.length === 2 &&
      this.#input.shape[0] === 1 &&
      this.#input.shape[1] > 0 &&
      this.#output.shape.at(-1) === labels.length;
    if (!fits) {
      throw new Error(
        `The model has the inputs and outputs ${found.join("; ")}. The page takes one text: ids ` +
          `int32 [1, length] in, ${labels.length} probabilities out. Export with batch_size=1 and ` +
          "a fixed length.",
      );
    }
  }

  /**
   * @param {Uint8Array} bytes A .tflite with its attached files.
   * @param {(bytes: Uint8Array) => Promise<object>} loadModel From `startRuntime`.
   */
  static async load(bytes, loadModel) {
    if (new TextDecoder("latin1").decode(bytes.subarray(4, 8)) !== "TFL3") {
      throw new Error("model.tflite is not a TFLite file.");
    }
    const files = attachedFiles(bytes);
    const missing = NEEDED.filter((name) => !files.has(name));
    if (missing.length) {
      throw new Error(`model.tflite does not hold ${missing.join(", ")}: cut off, or not for texts.`);
    }
    const [vocabulary, rules, labels] = NEEDED.map((name) => files.get(name));
    const tokenizer = new Tokenizer(vocabulary, rules);
    return new Classifier(await loadModel(bytes), tokenizer, labels.trimEnd().split("\n"));
  }

  /** How many tokens of a text the model can read. */
  get length() {
    return this.#input.shape[1];
  }

  get vocabularySize() {
    return this.#tokenizer.size;
  }

  get unknownId() {
    return this.#tokenizer.unknownId;
  }

  get keep() {
    return this.#tokenizer.keep;
  }

  /** See `Tokenizer.encode`. */
  encode(text) {
    return this.#tokenizer.encode(text, this.length);
  }

  /** The probability of each class. */
  async judge(ids) {
    const padded = new Int32Array(this.length).fill(this.#tokenizer.paddingId);
    padded.set(ids);
    return (await this.#model.run({ [this.#input.name]: padded }))[this.#output.name];
  }

  /** The probability of each class without the word at `position`: as if it were unknown. */
  async judgeWithout(ids, position) {
    return this.judge(ids.with(position, this.unknownId));
  }
}
