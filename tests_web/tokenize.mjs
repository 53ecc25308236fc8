// Runs the tokenizer of the page: {vocabulary, rules, texts, length} in, what it reads out.

import { Tokenizer } from "../docs/demo/tokenizer.js";
import { answer } from "./litert.mjs";

await answer(({ vocabulary, rules, texts, length }) => {
  const tokenizer = new Tokenizer(vocabulary, rules);
  return texts.map((text) => tokenizer.encode(text, length ?? Infinity));
});
