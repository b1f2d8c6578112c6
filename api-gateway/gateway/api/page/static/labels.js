// Places labels so that none covers another. Pure functions.

const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/**
 * Place labels in the order given, the most important first.
 * wanted: [{box: [x1, y1, x2, y2], width, height}], bounds: {width, height}, all in the same pixels.
 * Returns for each {x, y, width, height}, or null if every place is taken.
 */
export function placeLabels(wanted, bounds) {
  const placed = [];
  return wanted.map(({ box: [x1, y1, x2, y2], width, height }) => {
    const places = [
      [x1, y1 - height], // above the box
      [x1, y1], // in its upper corners
      [x2 - width, y1 - height],
      [x2 - width, y1],
      [x1, y2], // below
      [x1, y2 - height], // in its lower corners
      [x2 - width, y2 - height],
    ];
    for (const [left, top] of places) {
      const x = Math.min(Math.max(left, 0), Math.max(bounds.width - width, 0));
      const label = { x, y: top, width, height };
      if (top < 0 || top + height > bounds.height || placed.some((other) => meet(label, other))) continue;
      placed.push(label);
      return label;
    }
    return null;
  });
}
