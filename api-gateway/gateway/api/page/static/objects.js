// The answer as a list of items to show. Pure functions.

/** One item per detection, with what its task adds: polygons (masks), points (keypoints), corners (oriented box). */
export function itemsOf(answer) {
  return answer.detections.map((found, index) => ({
    index,
    name: found.class,
    id: found.class_id,
    confidence: found.confidence,
    box: found.bbox,
    polygons: answer.masks?.[index] ?? null,
    points: answer.keypoints?.[index] ?? null,
    corners: answer.obb?.[index]?.xyxyxyxy ?? null,
  }));
}

/** The most likely classes of a classifier's answer, as items without a box. */
export const guessesOf = (answer) =>
  (answer.probs ?? []).map(({ cls, name, conf }, index) => ({ index, name, id: cls, confidence: conf, box: null }));

/** The items whose class is not hidden. */
export const shown = (items, hidden) => items.filter(({ name }) => !hidden.has(name));

/** [{name, id, count}], most frequent first. */
export function countsOf(items) {
  const counts = new Map();
  for (const { name, id } of items) {
    const entry = counts.get(name) ?? { name, id, count: 0 };
    entry.count += 1;
    counts.set(name, entry);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || a.name.localeCompare(b.name, undefined, { numeric: true }));
}

export const percent = (part) => `${Math.round(part * 100)} %`;

/** "5 objects: 4 person, 1 bus" */
export function sentence(items) {
  const names = countsOf(items).map(({ name, count }) => `${count} ${name}`);
  const more = names.length > 6 ? ` and ${names.length - 6} more classes` : "";
  return `${items.length} ${items.length === 1 ? "object" : "objects"}: ${names.slice(0, 6).join(", ")}${more}`;
}

/** The answer in one line. */
export function headline(items, guesses) {
  if (guesses.length) return `Most likely: ${guesses[0].name}, ${percent(guesses[0].confidence)}`;
  return items.length ? sentence(items) : "Nothing found. A lower confidence may show more.";
}

/** The index of the smallest item whose box contains the point, in the image's pixels; -1 without one. */
export function itemAt(items, x, y) {
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  const holding = items.filter(({ box: [x1, y1, x2, y2] }) => x >= x1 && x <= x2 && y >= y1 && y <= y2);
  return holding.sort((a, b) => area(a.box) - area(b.box))[0]?.index ?? -1;
}
