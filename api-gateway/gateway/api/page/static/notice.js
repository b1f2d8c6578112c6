// One message at a time, at the top: what went wrong, the details from the gateway, and what to do.
import { element } from "./elements.js";

const box = document.getElementById("notice");

export const clearNotice = () => box.replaceChildren();
export const hasNotice = () => box.childElementCount > 0;

/** problem: an AnswerError or a text. actions: {label: function}. */
export function showNotice(problem, actions = {}) {
  const text = typeof problem === "string" ? problem : problem.message;
  const { status, code, requestId, retryAfter } = typeof problem === "string" ? {} : problem;
  const facts = [
    status ? `${status} ${code}`.trim() : "",
    retryAfter ? `try again in ${retryAfter} s` : "",
  ].filter(Boolean);
  const small = element("small", {}, facts.join(" · "));
  if (requestId) small.append(facts.length ? " · " : "", "request ", element("code", {}, requestId));
  const buttons = Object.entries(actions).map(([label, act]) => {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", act);
    return button;
  });
  const words = element("div", {}, element("strong", {}, text), small.textContent ? small : "");
  box.replaceChildren(element("div", { className: "notice" }, words, ...buttons));
  box.scrollIntoView({ block: "nearest" });
}
