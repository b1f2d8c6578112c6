// The gateway's routes that this page uses. URLs are relative: the gateway may be served under a prefix.

const address = (path) => new URL(path, document.baseURI);

/** The error that the gateway answered, or the reason why it did not answer. */
export class AnswerError extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfter });
  }
}

/** The URL of /predict with these parameters. */
export function predictAddress(parameters) {
  const url = address("predict");
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

/** The header with the API key, if there is one. */
export const keyHeaders = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

/**
 * Send an image; resolves to {answer, milliseconds}, rejects with AnswerError, or with the signal's reason.
 * XMLHttpRequest, because fetch does not report the progress of an upload. onProgress: 0 to 1, then null.
 */
export function predict(image, parameters, key, { signal, onProgress }) {
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
      const megabytes = (image.bytes.size / 1e6).toFixed(1);
      reject(
        new AnswerError(
          `The connection broke before an answer came (${megabytes} MB to send). ` +
            "The gateway cannot be reached, or the image is larger than it accepts.",
          { code: "no_answer" },
        ),
      );
    };
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    const form = new FormData();
    form.append("file", image.bytes, image.name);
    request.send(form);
  });
}

/** The names of the models that this key may ask, the default one first; null if the gateway does not tell. Never rejects. */
export async function modelNames(key) {
  try {
    const response = await fetch(address("models"), { headers: keyHeaders(key), signal: AbortSignal.timeout(8000) });
    const { models } = parse(await response.text());
    return response.ok ? models.map(({ name }) => String(name)) : null;
  } catch {
    return null;
  }
}

/** Check whether a prediction can be made: {state: "ready" | "waiting" | "gone", text, model}. Never rejects. */
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
  return new AnswerError(body?.error?.message ?? `The gateway answered ${status} without a reason.`, {
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
