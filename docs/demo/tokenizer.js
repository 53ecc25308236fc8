// From text to ids, by the rules of tokenizer.json: the ids are those that the model was trained on.

const VERSION = 1;

/** Turns texts into ids as `keras_seq.data.Tokenizer` does. */
export class Tokenizer {
  #ids;
  #rules;
  #spaces;
  #tags;
  #apostrophes;
  #alone;

  /**
   * @param {string} vocabulary The text of vocabulary.txt: line n, from 0, is the word of id n.
   * @param {string} rules The text of tokenizer.json.
   */
  constructor(vocabulary, rules) {
    this.#rules = JSON.parse(rules);
    const { version, number_of_ids: count } = this.#rules;
    if (version !== VERSION) {
      throw new Error(`tokenizer.json is of version ${version}; this page knows ${VERSION}.`);
    }
    const words = vocabulary.replace(/\n$/, "").split("\n");
    if (words.length !== count) {
      throw new Error(`vocabulary.txt holds ${words.length} words; tokenizer.json says ${count}.`);
    }
    this.#ids = new Map(words.map((word, id) => [word, id]));

    const categories = (names) => names.map((name) => `\\p{${name}}`).join("");
    const ranges = this.#rules.lone_character_ranges
      .map((bounds) => bounds.map((code) => `\\u{${code.toString(16)}}`).join("-"))
      .join("");
    const all = (pattern) => new RegExp(pattern, "gu");
    this.#spaces = all(`[${categories(this.#rules.space_categories)}]`);
    this.#tags = all(this.#rules.tag_pattern);
    this.#apostrophes = all(`[${this.#rules.apostrophes.join("")}]`);
    this.#alone = all(`[^${categories(this.#rules.word_categories)}' ]|[${ranges}]`);
  }

  get size() {
    return this.#ids.size;
  }

  get paddingId() {
    return this.#rules.padding_id;
  }

  get unknownId() {
    return this.#rules.unknown_id;
  }

  /** "start" or "end": the part of a longer text that is kept. */
  get keep() {
    return this.#rules.keep;
  }

  /** Cuts a text into its tokens, all of them. */
  split(text) {
    return text
      .toWellFormed() // half a surrogate pair has no UTF-8
      .replace(this.#spaces, " ")
      .toLowerCase()
      .replace(this.#tags, " ")
      .replace(this.#apostrophes, "'")
      .replace(this.#alone, " $& ")
      .split(" ") // not \s, which holds characters that are no spaces here
      .filter(Boolean);
  }

  /**
   * Gives the ids of a text, cut to what the model was trained on and to `length`.
   * @returns {{tokens: string[], ids: number[], total: number}} The tokens that are read, their
   *   ids, and how many tokens the text has in all.
   */
  encode(text, length = Infinity) {
    const tokens = this.split(text);
    const kept = Math.min(tokens.length, length, this.#rules.max_length);
    const read = this.keep === "start" ? tokens.slice(0, kept) : tokens.slice(tokens.length - kept);
    const ids = read.map((token) => this.#ids.get(token) ?? this.unknownId);
    return { tokens: read, ids, total: tokens.length };
  }
}
