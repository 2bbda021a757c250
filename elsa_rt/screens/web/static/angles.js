// Azimuth is counted counter-clockwise from the front, left positive, as in all of elsa-rt.

export const TURN = 2 * Math.PI;
export const radians = (degrees) => (degrees * Math.PI) / 180;

/** -180..180. */
export const wrapped = (degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;

/** Canvas angle (clockwise from the right) of an azimuth whose front is up. */
export const canvasAngle = (azimuth) => -radians(azimuth) - Math.PI / 2;

/** Hue of an azimuth: front is blue, left violet, behind amber, right green. */
export const hueOf = (azimuth) => (((210 + azimuth) % 360) + 360) % 360;

/** Width of a sector from one azimuth counter-clockwise to another, 0..360. */
export const widthOf = ([from, to]) => (to > from ? to - from : to - from + 360);

/** Palette of the page as it is now, read from the style sheet. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get("--ink"), faint: get("--faint"), line: get("--line"), accent: get("--accent"),
    back: get("--back"), surface: get("--surface"), bar: get("--bar"),
    hueLight: get("--hue-light"), hueChroma: get("--hue-chroma"),
  };
}

/** Fit the pixels of a canvas to its size on the screen; returns [width, height, ratio]. */
export function fit(canvas) {
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const { width, height } = canvas.getBoundingClientRect();
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  return [w, h, ratio];
}

/** Pixels of the page's own text size on a canvas. */
export const textSize = (ratio) =>
  parseFloat(getComputedStyle(document.documentElement).fontSize) * ratio;
