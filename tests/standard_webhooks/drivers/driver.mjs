// Asks the guide's JavaScript, which lies beside this file as webhook.mjs, whether deliveries are
// genuine.
//
// Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an empty
// header is left out. Prints true or false for each.

import { readFileSync } from "node:fs";
import { isGenuine } from "./webhook.mjs";

const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const [secret, ...rest] = line.split("\t");
  const headers = {};
  names.forEach((name, place) => {
    if (rest[place] !== "") headers[name] = rest[place];
  });
  console.log(isGenuine(secret, headers, Buffer.from(rest[3], "base64")) === true);
}
