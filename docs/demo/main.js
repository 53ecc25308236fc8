// The page: loads the file, and judges the text as it is typed.

import { Classifier } from "./classifier.js";
import { startRuntime } from "./runtime.js";
import * as view from "./view.js";

const PAUSE = 150; // milliseconds without a key before the text is judged
const SLICE = 12; // milliseconds of work before the page may answer a key

const MAKE = "Make it with `make demo-page`, then reload the page.";
const EXAMPLES = [
  ["praise that does not count", "Critics called it brilliant and witty. But in the end the film " +
    "turned out to be hollow."],
  ["blame that does not count", "Critics called it dull. To me the film was wonderful."],
  ["a negation", "Nobody would have called the plot boring. No matter whom you ask, the ending was " +
    "superb."],
];

const input = document.getElementById("text");
let classifier;
let turn = 0; // each text has its own; work for an earlier one stops
let explained = null; // the class that was chosen, or null for the most probable
let judged = null; // what was found for the text

try {
  const [bytes, loadModel] = await Promise.all([fetchModel(), start()]);
  classifier = await load(bytes, loadModel);
  view.showFacts(classifier, bytes.length);
  view.showForm(EXAMPLES, (text) => { input.value = text; judge(); });
  view.showClasses(classifier.labels, (index) => { explained = index; show(); });
  let waiting;
  input.addEventListener("input", () => {
    turn++; // what is still being weighed is of a text that is gone
    clearTimeout(waiting);
    waiting = setTimeout(judge, PAUSE);
  });
  input.value ||= EXAMPLES[0][1];
  await judge();
} catch (error) {
  fail(error);
}

async function fetchModel() {
  const response = await fetch("model.tflite", { cache: "no-cache" }).catch(() => null);
  if (!response?.ok) {
    const why = response ? "There is no model.tflite beside this page." : "The server is gone.";
    throw new Error(`${why} ${MAKE}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function start() {
  try {
    return await startRuntime(await import("@litertjs/core"), "vendor/core/wasm/");
  } catch (error) {
    // A script that is missing rejects with an event, which has no message.
    const why = error.message ? ` (${error.message})` : "";
    throw new Error(`LiteRT.js cannot be started from vendor/${why}. ${MAKE}`);
  }
}

async function load(bytes, loadModel) {
  try {
    return await Classifier.load(bytes, loadModel);
  } catch (error) {
    throw new Error(`The model cannot be used: ${error.message}\n${MAKE.replace("it", "it again")}`);
  }
}

async function judge() {
  const mine = ++turn;
  const text = classifier.encode(input.value);
  if (!text.ids.length) {
    view.setState("empty", "There is nothing to judge yet: type a review, or try an example.");
    return;
  }
  try {
    const probabilities = await classifier.judge(text.ids);
    if (mine !== turn) return;
    judged = { text, probabilities, without: [], all: false };
    view.showTokens(text, classifier.unknownId);
    view.showNote(text, classifier);
    view.setState("busy");
    show();
    await weigh(mine);
  } catch (error) {
    fail(error);
  }
}

async function weigh(mine) {
  const { text: { ids }, without } = judged;
  let since = performance.now();
  while (without.length < ids.length) {
    view.showProgress(without.length, ids.length);
    if (performance.now() - since > SLICE) {
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== turn) return;
      since = performance.now();
    }
    const probabilities = await classifier.judgeWithout(ids, without.length);
    if (mine !== turn) return;
    without.push(probabilities);
  }
  view.showProgress(ids.length, ids.length);
  view.setState("done");
  show();
}

function show() {
  const { text, probabilities, without, all } = judged;
  const chosen = explained ?? probabilities.indexOf(Math.max(...probabilities));
  view.showVerdict(classifier.labels, probabilities, chosen);
  const weights = text.ids.map((_, at) => probabilities[chosen] - (without[at] ?? probabilities)[chosen]);
  view.showWeights(text.tokens, weights, all, () => { judged.all = true; show(); });
}

function fail(error) {
  turn++;
  view.setState("error", error.message);
}
