// The request of this page as a command for a POSIX shell. Pure functions.

/** Quote any text as one word of the shell. */
export const quote = (text) =>
  /^[A-Za-z0-9_.\/:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** curl's own quoting inside -F: without it, ; and , end a file's name, and - alone is the standard input. */
function formFile(name) {
  const path = name === "-" ? "./-" : name;
  return /[",;\\\s]/.test(path) ? `@"${path.replace(/["\\]/g, "\\$&")}"` : `@${path}`;
}

/** url: with its parameters. name: the image's file name. hasKey: whether a key is set; the key itself is never shown. */
export function curlCommand({ url, name, hasKey }) {
  const parts = [
    ...(hasKey ? [`-H "Authorization: Bearer $API_KEY"`] : []),
    `-F ${quote(`file=${formFile(name)}`)}`,
    quote(String(url)),
  ];
  return `curl ${parts.join(" \\\n  ")}`;
}
