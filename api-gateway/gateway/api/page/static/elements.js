// Creates elements. Text is inserted as text: nothing from a file or an answer is ever parsed as HTML.

/** element("b", {className: "x", style: {"--part": 1}}, "text", otherElement) */
export function element(tag, { style = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(style)) made.style.setProperty(name, value);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

export const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

export const bytes = (count) =>
  count < 1e6 ? `${Math.max(1, Math.round(count / 1e3))} kB` : `${(count / 1e6).toFixed(1)} MB`;
