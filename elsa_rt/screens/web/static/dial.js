// A small compass beside a row: a rim, and a wedge that points to where it sounded.

const SVG = "http://www.w3.org/2000/svg";

export class Dial {
  constructor() {
    this.svg = part("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true", class: "needle" });
    this.svg.append(part("circle", { r: 10 }));
    this.wedge = this.svg.appendChild(part("path", { d: "M0 0 L-3.4 -9.4 A10 10 0 0 1 3.4 -9.4z" }));
  }

  /** Point to an azimuth in degrees, left positive; to nowhere with null. */
  turn(azimuth) {
    this.wedge.toggleAttribute("hidden", azimuth === null);
    if (azimuth !== null) this.wedge.setAttribute("transform", `rotate(${-azimuth})`);
    return this;
  }
}

/** An SVG element with attributes. */
export function part(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
