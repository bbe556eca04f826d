// Verifies received deliveries with the library `standardwebhooks` from npm, which it looks for in
// the folder HERALD_TEST_NODE_MODULES.
//
// Reads a file of JSON lines {"secret", "headers", "body_base64", "valid"}, checks that each
// verifies exactly if it is said to be valid, and prints how many were checked.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const modules = path.resolve(process.env.HERALD_TEST_NODE_MODULES);
const require = createRequire(path.join(modules, "here.js"));
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function verifies(line) {
  const body = Buffer.from(line.body_base64, "base64");
  try {
    new Webhook(line.secret).verify(body, line.headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
  return true;
}

const lines = readFileSync(process.argv[2], "utf8").split("\n").filter((text) => text !== "");
lines.forEach((text, index) => {
  const line = JSON.parse(text);
  if (verifies(line) !== line.valid) {
    console.error(`line ${index + 1}: ${JSON.stringify(line.headers)} should be valid: ${line.valid}`);
    process.exit(1);
  }
});
console.log(lines.length);
