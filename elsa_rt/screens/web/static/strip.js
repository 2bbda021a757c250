// The spectrogram: time runs to the left, low is below; hue is where, grey is from all around.

import { fit, hueOf } from "./angles.js";

const SHOWN_S = 20, STILL_MS = 1000;

export class Strip {
  constructor(canvas) {
    this.canvas = canvas;
    this.columns = [];  // {bytes, alerting}
    this.picture = document.createElement("canvas");
    this.at = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.drawnAt = 0;
  }

  start(bands, stepS, columns) {
    this.bands = bands;
    this.stepMs = 1000 * stepS;
    this.shown = Math.round(SHOWN_S / stepS);
    Object.assign(this.picture, { width: this.shown, height: bands });
    this.pen = this.picture.getContext("2d", { willReadFrequently: false });
    this.column = this.pen.createImageData(1, bands);
    this.columns = columns.slice(-this.shown).map((text) => ({ bytes: bytesOf(text) }));
    this.repaint();
  }

  take(text, alerting, now) {
    if (!text || !this.pen) return;
    this.columns.push({ bytes: bytesOf(text), alerting });
    if (this.columns.length > this.shown) this.columns.shift();
    this.pen.globalCompositeOperation = "copy";
    this.pen.drawImage(this.picture, -1, 0);
    this.pen.globalCompositeOperation = "source-over";
    this.paint(this.columns.at(-1).bytes, this.shown - 1);
    this.at = now;
  }

  repaint() {
    this.drawn = "";
    if (!this.pen) return;
    this.pen.clearRect(0, 0, this.shown, this.bands);
    const first = this.shown - this.columns.length;
    this.columns.forEach(({ bytes }, i) => this.paint(bytes, first + i));
  }

  paint(bytes, x) {
    const dark = this.dark, data = this.column.data;
    for (let band = 0; band < this.bands; band++) {
      const level = bytes[3 * band] / 255, direct = bytes[3 * band + 2] / 255;
      const hue = hueOf((bytes[3 * band + 1] / 255) * 360 - 180);
      const bright = Math.max(0, (level - 0.3) / 0.7);
      const light = dark ? 0.1 + 0.6 * bright : 1 - 0.52 * bright;
      const [r, g, b] = rgbOf(hue, Math.min(1, direct * 1.1) * 0.48 * Math.min(1, 3 * bright), light);
      const at = 4 * (this.bands - 1 - band);
      data[at] = r; data[at + 1] = g; data[at + 2] = b;
      data[at + 3] = 255 * Math.min(1, 2.5 * bright);
    }
    this.pen.putImageData(this.column, x, 0);
  }

  draw(now, colours) {
    const [width, height, ratio] = fit(this.canvas);
    if (!width || !this.pen) return;
    const still = this.still.matches;  // then it moves on once a second
    if (still && this.drawn && now - this.drawnAt < STILL_MS) return;
    this.drawnAt = now;
    const slid = still ? 1 : Math.min(1, (now - this.at) / this.stepMs), shown = `${slid} ${this.at} ${width} ${this.dark}`;
    if (shown === this.drawn) return;  // it stands still
    this.drawn = shown;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const step = width / (this.shown - 1);
    const slide = slid * step;
    const top = 5 * ratio;
    pen.imageSmoothingEnabled = true;
    pen.drawImage(this.picture, -slide, top, step * this.shown, height - top);
    pen.fillStyle = colours.accent;
    const first = this.shown - this.columns.length;
    this.columns.forEach(({ alerting }, i) => {
      if (alerting) pen.fillRect((first + i) * step - slide, 0, step + 1, 3 * ratio);
    });
  }
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function rgbOf(hue, saturation, light) {
  const a = saturation * Math.min(light, 1 - light);
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    return 255 * (light - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}
