// Assembles the page: an image is chosen, sent to the gateway, and the answer is shown in every part.
import { AnswerError, predict, predictAddress } from "./api.js";
import { Asker } from "./asker.js";
import { offerCamera } from "./camera.js";
import { Code } from "./code.js";
import { curlCommand } from "./curl.js";
import { downloadAnnotated } from "./download.js";
import { bytes, milliseconds } from "./elements.js";
import { watchHealth } from "./health.js";
import { takeImages } from "./intake.js";
import { Key } from "./key.js";
import { Models } from "./models.js";
import { clearNotice, hasNotice, showNotice } from "./notice.js";
import { guessesOf, headline, itemsOf } from "./objects.js";
import { Results } from "./results.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";

const DEBOUNCE_MS = 180; // while a slider moves
const byId = (id) => document.getElementById(id);

let latest = null; // a token of the image chosen last
let image = null; // {bytes, name}
let displayed = true; // whether this browser can show it
let shown = null; // {answer, milliseconds, confidence asked for}

const stage = new Stage({ onPoint: point });
const code = new Code();
const key = new Key({ onChange: keyChanged });
const models = new Models({ key: () => key.value, onChange: modelChanged });
const settings = new Settings({ onChange: settingsChanged });
const results = new Results({ onFilter: show, onPoint: point });
const asker = new Asker({
  work: async (signal) => {
    const confidence = settings.confidence;
    const outcome = await predict(image, parameters(), key.value, { signal, onProgress: progress });
    return { ...outcome, confidence };
  },
  onStart: () => progress(null),
  onAnswer,
  onError,
});
const { choose } = takeImages({ onFile: take, onProblem: (text) => showNotice(text) });
offerCamera({ onFile: take });
watchHealth({ key: () => key.value });
byId("another").addEventListener("click", choose);
byId("download").addEventListener("click", download);

async function take(file, ofSeveral = 1) {
  asker.stop();
  progressDone();
  clearNotice();
  const mine = (latest = {});
  let content;
  try {
    // Kept here: sliders send the same bytes again, even if the file is gone.
    content = new Blob([await file.arrayBuffer()], { type: file.type });
  } catch {
    showNotice(`${file.name || "That"} cannot be read. Is it a folder, or a deleted file?`);
    return;
  }
  if (latest !== mine) return; // another image was chosen meanwhile
  image = { bytes: content, name: file.name || "image" };
  const focusGoes = byId("welcome").contains(document.activeElement);
  byId("welcome").hidden = true;
  byId("work").hidden = false;
  if (focusGoes) byId("another").focus();
  byId("name").textContent = `${image.name} · ${bytes(content.size)}`;
  forget();
  results.reset();
  results.say("Looking…");
  note(ofSeveral > 1 ? `One image at a time: this is the first of ${ofSeveral}.` : "");
  ask();
  const canShow = await stage.show(content);
  if (latest !== mine) return;
  displayed = canShow;
  if (!displayed && !hasNotice()) note("This browser cannot display this format. The gateway may support it.");
  if (shown) show();
}

const parameters = () => ({ ...settings.parameters, ...models.parameters });

function ask() {
  if (!image) return;
  code.curl = curlCommand({ url: predictAddress(parameters()), name: image.name, hasKey: Boolean(key.value) });
  asker.ask();
}

function keyChanged() {
  models.look();
  ask();
}

/** Another model has classes of its own, so nothing of the last answer is kept. */
function modelChanged() {
  if (!image) return;
  clearNotice();
  forget();
  results.reset();
  results.say("Looking…");
  ask();
}

function settingsChanged() {
  if (!image) return;
  ask();
  asker.ask(DEBOUNCE_MS);
  if (shown) show();
}

function onAnswer(outcome) {
  progressDone();
  clearNotice();
  shown = outcome;
  code.answer = outcome.answer;
  show();
  results.times(outcome.answer.timings_ms ?? {}, outcome.milliseconds);
}

function onError(error) {
  progressDone();
  forget();
  results.say("");
  const problem = error instanceof AnswerError ? error : new AnswerError("This page failed to read the answer; reload it.");
  if (!(error instanceof AnswerError)) console.error(error);
  const ofImage = [400, 413, 415].includes(problem.status); // sending the same image again would fail again
  const actions = ofImage ? { "Choose another": choose } : { "Try again": ask };
  if (problem.status === 401) actions["Enter an API key"] = () => key.ask();
  if (ofImage) note("");
  showNotice(problem, actions);
  if (problem.status === 401) key.ask(problem.message);
  if (problem.code === "model_not_found") models.look();
}

/** Show the answer, filtered by the slider and the chips. */
function show() {
  const { answer, milliseconds: took } = shown;
  const items = found();
  const guesses = guessesOf(answer);
  results.show(items, guesses);
  results.say(headline(items, guesses), `in ${milliseconds(took)}`);
  stage.draw(results.filter(items), answer.image, guesses[0] ?? null);
  byId("download").disabled = !displayed;
}

/** The answer's items above the slider, which may have been raised since the request. */
function found() {
  const { answer, confidence } = shown;
  const least = settings.confidence;
  const items = itemsOf(answer);
  return least === null || least === confidence ? items : items.filter((item) => item.confidence > least);
}

function forget() {
  shown = null;
  code.answer = null;
  stage.clear();
  results.show([], []);
  byId("timing").hidden = true;
  byId("download").disabled = true;
}

function point(index) {
  stage.point(index);
  results.point(index);
}

async function download() {
  const { answer } = shown;
  const items = results.filter(found());
  const guess = guessesOf(answer)[0] ?? null;
  const done = await downloadAnnotated({ image: stage.image, items, guess, size: answer.image, name: image.name });
  if (!done) showNotice("This image is too large for the browser to save.");
}

/** part: the part of the image that is sent, 0 to 1; null: all of it, or none yet. */
function progress(part) {
  const bar = byId("progress");
  bar.hidden = false;
  if (part === null) bar.removeAttribute("value");
  else bar.value = part;
  if (!shown && part !== null) byId("headline").textContent = `Sending ${Math.round(part * 100)} %`;
  else if (!shown) byId("headline").textContent = "Looking…";
}

function progressDone() {
  byId("progress").hidden = true;
}

function note(text) {
  byId("note").textContent = text;
  byId("note").hidden = !text;
}
