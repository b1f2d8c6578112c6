// The gateway's routes, as this page uses them. Addresses are relative: the gateway may live under a prefix.

const address = (path) => new URL(path, document.baseURI);

/** An answer that is no prediction: what the gateway said, or why nothing came from it. */
export class AnswerError extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfter });
  }
}

/** The address of /predict with these parameters, for the request and for people. */
export function predictAddress(parameters) {
  const url = address("predict");
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

/** Headers that carry the key, if there is one. */
export const keyHeaders = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

/**
 * Send a picture; resolves to {answer, milliseconds}, rejects with AnswerError, or with the signal's reason.
 * XMLHttpRequest, because fetch does not tell how much of a body is sent. onProgress: 0 to 1, then null.
 */
export function predict(picture, parameters, key, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const started = performance.now();
    request.open("POST", predictAddress(parameters));
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(keyHeaders(key))) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded < total ? loaded / total : null);
    request.upload.onload = () => onProgress(null);
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status === 200 && Array.isArray(body?.detections)) {
        resolve({ answer: body, milliseconds: performance.now() - started });
      } else {
        reject(problem(request.status, body, (name) => request.getResponseHeader(name)));
      }
    };
    request.onerror = () => {
      const megabytes = (picture.bytes.size / 1e6).toFixed(1);
      reject(
        new AnswerError(
          `The connection broke before an answer came (${megabytes} MB were to be sent). ` +
            "Either the gateway cannot be reached, or the picture is larger than it takes.",
          { code: "no_answer" },
        ),
      );
    };
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    const form = new FormData();
    form.append("file", picture.bytes, picture.name);
    request.send(form);
  });
}

/** Ask whether a prediction can be made: {state: "ready" | "waiting" | "gone", text, model}. Never rejects. */
export async function health(key) {
  try {
    const response = await fetch(address("health/ready"), {
      headers: keyHeaders(key),
      cache: "no-store",
      signal: AbortSignal.timeout(8000),
    });
    const body = parse(await response.text());
    if (response.ok) {
      const { name, version } = body?.model ?? {};
      return { state: "ready", text: "ready", model: [name, version].filter(Boolean).join(" ") };
    }
    return { state: "waiting", text: problem(response.status, body, (name) => response.headers.get(name)).message };
  } catch {
    return { state: "gone", text: "The gateway does not answer" };
  }
}

function problem(status, body, header) {
  return new AnswerError(body?.error?.message ?? `The gateway answered ${status} without saying why.`, {
    status,
    code: body?.error?.code ?? "",
    requestId: body?.request_id ?? header("X-Request-ID") ?? "",
    retryAfter: Number(header("Retry-After")) || 0,
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
