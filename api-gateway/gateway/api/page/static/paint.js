// Draw items on a canvas: over the image on the page, or into the image for the download.
import { colourOf, inkOn } from "./colours.js";
import { placeLabels } from "./labels.js";
import { percent } from "./objects.js";
import { poseOf } from "./pose.js";

// Opacities of a mask and its rim, and of the dark edge of lines: as in drawing/strokes.py.
const FILL = 0.35;
const RIM = 0.78;
const EDGE = 0.47;
const DARK = `rgb(0 0 0 / ${EDGE})`;

/**
 * scale: pixels of the canvas's frame for one of the image. unit: size of a fine detail, 1 on the page.
 * grid: device pixels for one of the frame, so that lines fall on them. active: index of the highlighted item, or -1.
 */
export function paint(context, items, { width, height, scale, unit = 1, grid = 1, active = -1 }) {
  const line = 2 * unit;
  const snap = (value) => Math.round(value * grid) / grid;
  const isFaint = (item) => active >= 0 && item.index !== active;
  const ordered = [...items].reverse().sort((a, b) => isFaint(b) - isFaint(a)); // the best and the active one last, on top
  context.lineJoin = "round";
  context.lineCap = "round";
  const each = (draw) => {
    for (const item of ordered) {
      context.globalAlpha = isFaint(item) ? 0.25 : 1;
      draw(item, colourOf(item.id));
    }
  };
  // In layers, so that no mask covers a line.
  each((item, colour) => item.polygons && drawMask(context, item.polygons, colour, scale, unit));
  each((item, colour) => {
    if (item.corners) trace(context, item.corners, scale, true);
    else outline(context, item.box, { width, height, scale, line, snap });
    stroke(context, colour, line, unit);
  });
  each((item, colour) => item.points && drawPose(context, item.points, colour, scale, unit));
  context.globalAlpha = 1;
  drawLabels(context, items, { width, height, scale, unit, active });
}

/** A label in the upper corner, for a class without a box. */
export function caption(context, { name, id, confidence }, unit = 1) {
  setFont(context, unit);
  const text = `${name} ${percent(confidence)}`;
  const width = context.measureText(text).width + 12 * unit;
  pill(context, { x: 10 * unit, y: 10 * unit, width, height: 20 * unit }, text, colourOf(id), unit);
}

function outline(context, box, { width, height, scale, line, snap }) {
  // The line stays inside the image, even at its edge.
  const keep = (value, most) => Math.min(Math.max(snap(value * scale), line / 2), most - line / 2);
  const [x1, y1, x2, y2] = [keep(box[0], width), keep(box[1], height), keep(box[2], width), keep(box[3], height)];
  context.beginPath();
  context.rect(x1, y1, Math.max(x2 - x1, 1), Math.max(y2 - y1, 1));
}

function trace(context, points, scale, closed) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x * scale, y * scale);
  if (closed) context.closePath();
}

function stroke(context, colour, line, unit) {
  context.strokeStyle = DARK; // visible on every background
  context.lineWidth = line + 1.5 * unit;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.stroke();
}

function drawMask(context, polygons, colour, scale, unit) {
  const alpha = context.globalAlpha;
  for (const polygon of polygons) {
    trace(context, polygon, scale, true);
    context.fillStyle = colour;
    context.globalAlpha = alpha * FILL;
    context.fill();
    context.globalAlpha = alpha * RIM;
    context.strokeStyle = colour;
    context.lineWidth = 1.25 * unit;
    context.stroke();
  }
  context.globalAlpha = alpha;
}

function drawPose(context, points, colour, scale, unit) {
  const { limbs, joints } = poseOf(points);
  for (const { colour: side, ends } of limbs) {
    trace(context, ends, scale, false);
    stroke(context, side, 2 * unit, unit);
  }
  for (const [x, y] of joints) {
    for (const [radius, fill] of [[4.25, DARK], [3.5, "#ffffff"], [2, colour]]) {
      context.beginPath();
      context.arc(x * scale, y * scale, radius * unit, 0, 2 * Math.PI);
      context.fillStyle = fill;
      context.fill();
    }
  }
}

function drawLabels(context, items, { width, height, scale, unit, active }) {
  setFont(context, unit);
  const labelled = active < 0 ? items : items.filter(({ index }) => index === active);
  const wanted = labelled.map(({ name, confidence, box }) => {
    const text = `${name} ${percent(confidence)}`;
    const size = { width: context.measureText(text).width + 10 * unit, height: 18 * unit };
    return { text, box: box.map((value) => value * scale), ...size };
  });
  placeLabels(wanted, { width, height }).forEach((place, at) => {
    if (place) pill(context, place, wanted[at].text, colourOf(labelled[at].id), unit);
  });
}

function setFont(context, unit) {
  context.font = `600 ${11.5 * unit}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
  context.textBaseline = "middle";
}

function pill(context, { x, y, width, height }, text, colour, unit) {
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x, y, width, height, 4 * unit);
  context.fill();
  context.fillStyle = inkOn(colour);
  context.fillText(text, x + (width - context.measureText(text).width) / 2, y + height / 2 + 0.5 * unit);
}
