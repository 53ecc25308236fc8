// Reads the files attached to a .tflite as the page does: {file} in, {name: text} out.

import fs from "node:fs";

import { attachedFiles } from "../docs/demo/attachments.js";
import { answer } from "./litert.mjs";

await answer(({ file }) => Object.fromEntries(attachedFiles(new Uint8Array(fs.readFileSync(file)))));
