// Swagger UI on the gateway's own OpenAPI document. The API key is the one that the page at / asks for.

import { keyHeaders } from "./api.js";
import { Key } from "./key.js";

const address = (path) => new URL(path, document.baseURI);
const notice = document.getElementById("notice");
const key = new Key({ onChange: show });

/** Load the document and show it, or say why it cannot be loaded. */
async function show() {
  notice.textContent = "loading…";
  let response, body;
  try {
    response = await fetch(address("openapi.json"), { headers: keyHeaders(key.value), cache: "no-store" });
    body = await response.json();
  } catch {
    notice.textContent = "The gateway does not answer.";
    return;
  }
  notice.textContent = response.ok ? "" : (body.error?.message ?? `The gateway answered ${response.status}.`);
  if (response.ok) render(body);
  else if (response.status === 401) key.ask(notice.textContent);
}

function render(spec) {
  const prefix = address(".").pathname.replace(/\/$/, "");
  if (prefix) spec.servers = [{ url: prefix }]; // the gateway is served below an address
  globalThis.SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null, // it would be another host
    requestInterceptor(request) {
      const own = new URL(request.url, document.baseURI).origin === location.origin;
      const given = Object.keys(request.headers).some((name) => /^(authorization|x-api-key)$/i.test(name));
      if (own && !given) Object.assign(request.headers, keyHeaders(key.value));
      return request;
    },
  });
}

show();
