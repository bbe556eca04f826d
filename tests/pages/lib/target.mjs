// A target that can be broken and mended: an HTTP server on a free port of this machine.

import { createServer } from "node:http";
import { once } from "node:events";

export async function target(answer = { status: 204 }) {
  const requests = [];
  const target = { answer, requests };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ path: request.url, headers: request.headers, body });
      const { status, headers = {}, body: text = "" } = target.answer;
      response.writeHead(status, headers).end(text);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  target.url = `http://127.0.0.1:${server.address().port}/`;
  return target;
}
