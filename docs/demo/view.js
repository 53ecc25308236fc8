// What the page shows. Everything it is given is written as text, never as HTML.

const SHOWN = 12; // rows of the table at first
const LEAST_SCALE = 0.02; // so that weights near zero are not painted as if they were strong

const numbers = new Intl.NumberFormat("en");
const points = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1,
  maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat("en", { minimumFractionDigits: 3, maximumFractionDigits: 3,
  signDisplay: "negative" });

const $ = (id) => document.getElementById(id);

/** Makes an element: `make("td", {className: "number"}, "0.5")`. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Says in what state the page is: loading, error, empty, busy or done. */
export function setState(state, message = "") {
  document.documentElement.dataset.state = state;
  $("message").textContent = message;
  $("message").hidden = !message;
  $("result").hidden = state !== "busy" && state !== "done";
  $("result").ariaBusy = String(state === "busy");
}

export function showFacts(classifier, bytes) {
  const kilobytes = numbers.format(Math.round(bytes / 1000));
  const [words, length] = [classifier.vocabularySize, classifier.length].map(numbers.format);
  $("facts").textContent =
    `model.tflite: ${kilobytes} kB with its vocabulary of ${words} words. It reads the ` +
    `${classifier.keep === "start" ? "first" : "last"} ${length} words and marks of a text.`;
}

/** Shows the field for the text, with texts to try. */
export function showForm(examples, choose) {
  $("form").hidden = false;
  for (const [name, text] of examples) {
    $("examples").append(make("button", { type: "button", onclick: () => choose(text) }, name));
  }
}

/** Adds a row with a radio button for each class. */
export function showClasses(labels, choose) {
  labels.forEach((label, index) => {
    const radio = make("input", { type: "radio", name: "class", onchange: () => choose(index) });
    const bar = make("span", { className: "bar", ariaHidden: "true" }, make("i"));
    const number = make("span", { className: "number" });
    $("classes").append(make("label", {}, radio, make("span", {}, label), bar, number));
  });
}

export function showVerdict(labels, probabilities, chosen) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  $("verdict").textContent = `${labels[best]}, ${percent(probabilities[best])}`;
  [...$("classes").querySelectorAll("label")].forEach((row, index) => {
    row.dataset.probability = probabilities[index];
    row.querySelector("input").checked = index === chosen;
    row.querySelector("i").style.width = `${probabilities[index] * 100}%`;
    row.querySelector(".number").textContent = percent(probabilities[index]);
  });
  for (const element of document.querySelectorAll("b.class")) {
    element.textContent = labels[chosen];
  }
}

/** Says what was not read, and what was not known. */
export function showNote({ ids, total }, { keep, unknownId }) {
  const notes = [];
  if (total > ids.length) {
    const [read, left] = keep === "start" ? ["first", "rest"] : ["last", "beginning"];
    const counts = [ids.length, total].map(numbers.format);
    notes.push(`Too long: the ${read} ${counts[0]} of ${counts[1]} words and marks are read, the ` +
      `${left} is left out.`);
  }
  const unknown = ids.filter((id) => id === unknownId).length;
  if (unknown === ids.length) {
    notes.push("None of these words is in the vocabulary, so this is the model's guess at nothing.");
  } else if (unknown) {
    const words = unknown === 1 ? "1 word is" : `${numbers.format(unknown)} words are`;
    notes.push(`${words} not in the vocabulary; to the model such words are all the same.`);
  }
  $("note").textContent = notes.join(" ");
}

/** Shows the words in their order, without weights yet. */
export function showTokens({ tokens, ids }, unknownId) {
  const spans = tokens.map((token, at) =>
    make("span", { className: ids[at] === unknownId ? "unknown" : "" }, token),
  );
  $("tokens").replaceChildren(...spans.flatMap((span) => [span, " "]));
}

export function showProgress(done, count) {
  $("progress").hidden = done === count;
  $("progress").textContent = `Weighing word ${numbers.format(done + 1)} of ${numbers.format(count)} …`;
}

/**
 * Paints the words and fills the table.
 * @param {string[]} tokens
 * @param {number[]} weights One for each token.
 * @param {boolean} all Whether the table shows every word.
 * @param {() => void} more What the button for the other words does.
 */
export function showWeights(tokens, weights, all, more) {
  const scale = Math.max(LEAST_SCALE, ...weights.map(Math.abs));
  [...$("tokens").children].forEach((span, at) => {
    span.dataset.weight = weights[at];
    span.title = weighed(weights[at]);
    span.classList.toggle("for", weights[at] > 0);
    span.classList.toggle("against", weights[at] < 0);
    span.style.setProperty("--share", Math.abs(weights[at]) / scale);
  });
  const order = [...weights.keys()].sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a]));
  const rows = order.slice(0, all ? order.length : SHOWN).map((at) =>
    row(tokens[at], weights[at], scale, $("tokens").children[at].classList.contains("unknown")),
  );
  $("weights").tBodies[0].replaceChildren(...rows);
  $("all").hidden = rows.length === order.length;
  $("all").textContent = `Show all ${numbers.format(order.length)}`;
  $("all").onclick = more;
}

function row(token, weight, scale, unknown) {
  const side = (name, share) => {
    const bar = make("i");
    bar.style.setProperty("--share", share / scale);
    return make("td", { className: `side ${name}`, ariaHidden: "true" }, bar);
  };
  return make("tr", {},
    make("th", { scope: "row", className: unknown ? "unknown" : "" }, token),
    make("td", { className: "number" }, weighed(weight)),
    side("left", Math.max(0, -weight)),
    side("right", Math.max(0, weight)),
  );
}

function weighed(weight) {
  const text = signed.format(weight).replace("-", "\u2212");
  return /[1-9]/.test(text) && weight > 0 ? `+${text}` : text;
}

// A probability that is rounded to 100 % would claim what no model knows.
function percent(probability) {
  if (probability > 0.999 && probability < 1) return "> 99.9%";
  if (probability < 0.001 && probability > 0) return "< 0.1%";
  return points.format(probability);
}
