// A colour for each class, distinct from each other and from most photographs.
// Annotated images use the same colours (drawing/style.py; a test holds the two together).

const COLOURS = [
  "#ff4d5e", "#2fa8ff", "#ffb300", "#19c37d", "#b06bff", "#ff7a2f", "#00c2c7", "#ff5fb7", "#a4d61e", "#6f7dff",
  "#f2e03c", "#b0703f", "#1f6fd6", "#0f8f5a", "#d0276f", "#8448dc", "#ffa9a3", "#8fd3ff", "#8a8f00", "#d9a3ff",
];

export const colourOf = (id) => COLOURS[((id % COLOURS.length) + COLOURS.length) % COLOURS.length];

/** Black or white, whichever has more contrast on the colour (WCAG's relative luminance). */
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}
