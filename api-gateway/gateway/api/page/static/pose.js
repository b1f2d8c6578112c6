// How a pose is drawn: COCO's 17 keypoints with limbs, any other set as points. Pure functions.
// Annotated images use the same limbs (drawing/marks.py and strokes.py; a test holds them together).

const SURE = 0.25; // the least confidence of a keypoint that is drawn, as Ultralytics has it
const COCO_POINTS = 17;
const SIDES = [
  { colour: "#f0f0f0", limbs: [[5, 6], [11, 12], [5, 11], [6, 12], [0, 1], [0, 2], [1, 2], [3, 5], [4, 6]] }, // middle
  { colour: "#40c8ff", limbs: [[5, 7], [7, 9], [11, 13], [13, 15], [1, 3]] }, // left
  { colour: "#ffa028", limbs: [[6, 8], [8, 10], [12, 14], [14, 16], [2, 4]] }, // right
];

/** points: [[x, y, confidence?], …]. Returns {joints: [[x, y], …], limbs: [{colour, ends: [[x, y], [x, y]]}, …]}. */
export function poseOf(points) {
  const seen = points.map((point) => (isSeen(point) ? point.slice(0, 2) : null));
  const limbs = (points.length === COCO_POINTS ? SIDES : []).flatMap(({ colour, limbs: pairs }) =>
    pairs.map(([from, to]) => ({ colour, ends: [seen[from], seen[to]] })).filter(({ ends }) => ends.every(Boolean)),
  );
  return { joints: seen.filter(Boolean), limbs };
}

/** A point that was not found has a low confidence, or is in the corner. */
const isSeen = (point) => Boolean(point) && (point[2] ?? 1) >= SURE && (point[0] !== 0 || point[1] !== 0);
