// The compass: front up, left on the left; the rim is the horizon, the middle straight up or down.

import { canvasAngle, fit, hueOf, TURN, widthOf, wrapped } from "./angles.js";

const TRAIL_MS = 4000, FADE_MS = 1600, EASE_MS = 140;

export class Compass {
  constructor(canvas) {
    this.canvas = canvas;
    this.sounds = new Map();   // by track: where it is drawn, where it goes, its trail
    this.regions = [];         // {id, sectors, alerting}
    this.colours = null;
    this.rest = document.createElement("canvas");  // what stands still: rose and regions
    this.stale = true;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  /** One step: tracks with `label` and `alerting`. */
  take(tracks, now) {
    for (const track of tracks) {
      const sound = this.sounds.get(track.id) ??
        { azimuth: track.azimuth_deg, elevation: track.elevation_deg, trail: [], born: now };
      Object.assign(sound, {
        toAzimuth: track.azimuth_deg, toElevation: track.elevation_deg,
        spread: Math.min(Math.max(track.uncertainty_deg ?? 20, 3), 90),
        label: track.label, alerting: track.alerting, seen: now, ended: track.state === "end",
        active: track.active,
      });
      sound.trail.push({ azimuth: track.azimuth_deg, elevation: track.elevation_deg, at: now });
      while (sound.trail.length && now - sound.trail[0].at > TRAIL_MS) sound.trail.shift();
      this.sounds.set(track.id, sound);
    }
  }

  setRegions(regions) { this.regions = regions; this.stale = true; }

  /** Light what alerts alone: the regions of the rules in `open`, and the sounds of their alerts. */
  light(open) {
    const tracks = new Set([...open.values()].map((alert) => alert.track));
    for (const [id, sound] of this.sounds) sound.alerting &&= tracks.has(id);
    for (const region of this.regions) {
      if (region.alerting !== open.has(region.id)) {
        region.alerting = !region.alerting;
        this.stale = true;
      }
    }
  }

  /** The theme. */
  setColours(colours) { this.colours = colours; this.stale = true; }

  clear() { this.sounds.clear(); this.stale = true; }

  draw(now, sinceMs) {
    const [width, height, ratio] = fit(this.canvas);
    if (!width) return;
    const size = Math.min(width, height), unit = size / 100, rim = size / 2 - 9.5 * unit;
    if (this.rest.width !== width || this.rest.height !== height) this.stale = true;
    if (!this.stale && !this.sounds.size) return;  // nothing moves
    if (this.stale) this.drawRest(width, height, unit, rim, ratio);
    const pen = this.canvas.getContext("2d"), c = this.colours;
    pen.globalCompositeOperation = "copy";
    pen.drawImage(this.rest, 0, 0);
    pen.globalCompositeOperation = "source-over";
    pen.save();
    pen.translate(width / 2, height / 2);
    const named = [];
    for (const [id, sound] of this.sounds) {
      const gone = now - sound.seen;
      if (gone > FADE_MS) { this.sounds.delete(id); this.stale ||= !this.sounds.size; continue; }
      const ease = this.still.matches ? 1 : 1 - Math.exp(-sinceMs / EASE_MS);
      sound.azimuth += wrapped(sound.toAzimuth - sound.azimuth) * ease;
      sound.elevation += (sound.toElevation - sound.elevation) * ease;
      const strength = (1 - gone / FADE_MS) * (sound.active ? 1 : 0.55) *
        Math.min(1, (now - sound.born) / 150 + 0.2);
      const [x, y] = this.sound(pen, c, unit, rim, sound, strength, now);
      if (sound.label) named.push({ sound, x, y, strength });
    }
    this.names(pen, c, unit, rim, named);
    pen.restore();
  }

  drawRest(width, height, unit, rim, ratio) {
    Object.assign(this.rest, { width, height });
    const pen = this.rest.getContext("2d");
    pen.translate(width / 2, height / 2);
    this.rose(pen, this.colours, unit, rim, ratio);
    for (const region of this.regions) this.region(pen, this.colours, unit, rim, region);
    this.stale = false;
  }

  rose(pen, c, unit, rim, ratio) {
    pen.lineWidth = Math.max(ratio, 0.22 * unit);
    pen.strokeStyle = c.line;
    for (const share of [0.5, 1]) {
      pen.beginPath(); pen.arc(0, 0, rim * share, 0, TURN); pen.stroke();
    }
    for (let azimuth = 0; azimuth < 360; azimuth += 15) {
      const angle = canvasAngle(azimuth), long = azimuth % 45 === 0;
      pen.beginPath();
      pen.moveTo(rim * Math.cos(angle), rim * Math.sin(angle));
      const inner = rim - (long ? 2.2 : 1.1) * unit;
      pen.lineTo(inner * Math.cos(angle), inner * Math.sin(angle));
      pen.stroke();
    }
    pen.lineWidth = 0.7 * unit;  // the ring that says which colour of the spectrogram is where
    const ring = pen.createConicGradient?.(canvasAngle(0), 0, 0);  // browsers since 2023 have it
    for (let azimuth = 0; ring && azimuth >= -360; azimuth -= 15) {  // clockwise: to the right first
      ring.addColorStop(-azimuth / 360, `hsl(${hueOf(azimuth)} ${c.hueChroma} ${c.hueLight} / .6)`);
    }
    pen.strokeStyle = ring ?? c.bar;
    pen.beginPath(); pen.arc(0, 0, rim + 1.5 * unit, 0, TURN); pen.stroke();
    pen.fillStyle = c.faint;
    pen.font = `${Math.max(3.1 * unit, 11 * ratio)}px system-ui, sans-serif`;
    pen.textAlign = "center"; pen.textBaseline = "middle";
    const away = rim + 6 * unit;
    pen.fillText("front", 0, -away);
    pen.fillText("behind", 0, away);
    for (const [word, side] of [["left", -1], ["right", 1]]) {
      pen.save(); pen.translate(side * away, 0); pen.rotate(side * Math.PI / 2);
      pen.fillText(word, 0, 0); pen.restore();
    }
    pen.fillStyle = c.faint;     // the listener, looking ahead
    pen.beginPath();
    pen.moveTo(0, -2.2 * unit); pen.lineTo(1.7 * unit, 1.6 * unit);
    pen.lineTo(0, 0.8 * unit); pen.lineTo(-1.7 * unit, 1.6 * unit);
    pen.fill();
  }

  region(pen, c, unit, rim, { sectors, alerting }) {
    for (const bounds of sectors) this.sector(pen, c, unit, rim, bounds, alerting);
  }

  sector(pen, c, unit, rim, bounds, alerting) {
    if (widthOf(bounds) >= 360) return;
    pen.strokeStyle = alerting ? c.accent : c.bar;
    pen.globalAlpha = alerting ? 1 : 0.55;
    pen.lineWidth = (alerting ? 1.1 : 0.6) * unit;
    pen.beginPath();
    pen.arc(0, 0, rim + 3 * unit, canvasAngle(bounds[1] <= bounds[0] ? bounds[1] + 360 : bounds[1]),
            canvasAngle(bounds[0]));
    pen.stroke();
    pen.globalAlpha = 1;
  }

  sound(pen, c, unit, rim, sound, strength, now) {
    const colour = sound.alerting ? c.accent : c.ink;
    const at = (azimuth, elevation) => {
      const radius = rim * (1 - Math.abs(elevation) / 90), angle = canvasAngle(azimuth);
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    };
    const [x, y] = at(sound.azimuth, sound.elevation);
    const shade = pen.createRadialGradient(0, 0, 4 * unit, 0, 0, rim);
    shade.addColorStop(0, "transparent");
    shade.addColorStop(1, colour);
    pen.globalAlpha = strength * (sound.alerting ? 0.5 : 0.2);
    pen.fillStyle = shade;       // as wide as the direction is unsure
    pen.beginPath(); pen.moveTo(0, 0);
    pen.arc(0, 0, rim, canvasAngle(sound.azimuth + sound.spread),
            canvasAngle(sound.azimuth - sound.spread));
    pen.fill();
    pen.strokeStyle = colour;
    pen.lineWidth = 0.8 * unit; pen.lineCap = "round";
    for (let i = 1; i < sound.trail.length; i++) {
      const age = (now - sound.trail[i].at) / TRAIL_MS;
      if (age > 1) continue;
      pen.globalAlpha = strength * 0.45 * (1 - age);
      pen.beginPath();
      pen.moveTo(...at(sound.trail[i - 1].azimuth, sound.trail[i - 1].elevation));
      pen.lineTo(...at(sound.trail[i].azimuth, sound.trail[i].elevation));
      pen.stroke();
    }
    pen.globalAlpha = strength;
    pen.fillStyle = colour;
    pen.beginPath(); pen.arc(x, y, (sound.alerting ? 2.6 : 1.9) * unit, 0, TURN); pen.fill();
    if (sound.alerting) {
      const beat = this.still.matches ? 0.3 : (now % 1400) / 1400;
      pen.globalAlpha = strength * 0.7 * (1 - beat);
      pen.lineWidth = 0.5 * unit;
      pen.beginPath(); pen.arc(x, y, (2.6 + 5 * beat) * unit, 0, TURN); pen.stroke();
    }
    pen.globalAlpha = 1;
    return [x, y];
  }

  /** The names, those that alert first; one for which there is no room is left out. */
  names(pen, c, unit, rim, named) {
    const taken = [];
    named.sort((one, other) => other.sound.alerting - one.sound.alerting ||
      other.strength - one.strength);
    for (const { sound, x, y, strength } of named) {
      const text = sound.label.length > 30 ? `${sound.label.slice(0, 29)}…` : sound.label;
      pen.font = `600 ${4 * unit}px system-ui, sans-serif`;
      const long = pen.measureText(text).width;
      const free = places(unit, rim, sound, x, y, long).find(([left, top]) => !taken.some((other) =>
        left < other.right && left + long > other.left && Math.abs(top - other.top) < 5 * unit));
      if (!free) continue;
      const [left, top] = free;
      taken.push({ left, right: left + long, top });
      pen.globalAlpha = strength;
      pen.textAlign = "left"; pen.textBaseline = "middle";
      pen.lineWidth = 1.4 * unit; pen.lineJoin = "round";
      pen.strokeStyle = c.back;
      pen.strokeText(text, left, top);
      pen.fillStyle = sound.alerting ? c.accent : c.ink;
      pen.fillText(text, left, top);
    }
    pen.globalAlpha = 1;
  }
}

/** Where a name may stand, the best place first: beside its dot, on the side of the middle, where
 * there is room; else towards the middle of it, or away from it. */
function places(unit, rim, sound, x, y, long) {
  const gap = (sound.alerting ? 4.4 : 3.6) * unit, most = rim - 2 * unit;
  const found = [];
  const beside = x > 0 ? x - gap - long : x + gap;
  if (Math.hypot(x > 0 ? beside : beside + long, y) <= most) found.push([beside, y]);
  const inwards = -Math.sign(y) || 1;
  for (const side of [inwards, -inwards]) {
    const top = y + side * (sound.alerting ? 6.5 : 5.5) * unit;
    const half = Math.sqrt(Math.max(0, most ** 2 - top ** 2)) - long / 2;
    if (half > 0) found.push([Math.min(Math.max(x, -half), half) - long / 2, top]);
  }
  if (found.length) return found;
  for (let top = y + 6.5 * inwards * unit; top * inwards < 0; top += inwards * unit) {
    const half = Math.sqrt(most ** 2 - top ** 2) - long / 2;  // a long one, where it is wide enough
    if (half > 0) return [[Math.min(Math.max(x, -half), half) - long / 2, top]];
  }
  return [[Math.max(-most, Math.min(x - long / 2, most - long)), y]];
}

/** Draws and edits a region: drag along the rim, or set `sectors`. */
export class RegionDial {
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.compass = new Compass(canvas);
    this.onChange = onChange;
    this.sectors = [];
    canvas.addEventListener("pointerdown", (event) => {
      if (this.pointer !== undefined) return;  // a second finger draws nothing
      this.pointer = event.pointerId;
      canvas.setPointerCapture(event.pointerId);
      this.from = this.azimuthOf(event);
      this.turned = 0; this.last = this.from;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      const here = this.azimuthOf(event);
      this.turned += wrapped(here - this.last);
      this.last = here;
      if (Math.abs(this.turned) < 4) return;
      const width = Math.max(-355, Math.min(355, this.turned));
      const ends = [this.from, wrapped(this.from + width)].map(Math.round);
      this.onChange(width > 0 ? ends : ends.reverse());
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => {
        if (event.pointerId === this.pointer) this.pointer = undefined;
      });
    }
  }

  azimuthOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left - box.width / 2, y = event.clientY - box.top - box.height / 2;
    return wrapped((Math.atan2(-x, -y) * 180) / Math.PI);
  }

  draw(colours) {
    const [width, height, ratio] = fit(this.canvas);
    if (!width) return;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const size = Math.min(width, height), unit = size / 100, rim = size / 2 - 9.5 * unit;
    pen.save(); pen.translate(width / 2, height / 2);
    for (const [from, to] of this.sectors) {
      if (widthOf([from, to]) >= 360) continue;
      pen.fillStyle = colours.ink; pen.globalAlpha = 0.16;
      pen.beginPath(); pen.moveTo(0, 0);
      pen.arc(0, 0, rim, canvasAngle(to <= from ? to + 360 : to), canvasAngle(from));
      pen.fill(); pen.globalAlpha = 1;
    }
    this.compass.colours = colours;
    this.compass.rose(pen, colours, unit, rim, ratio);
    this.compass.region(pen, { ...colours, bar: colours.ink }, unit, rim,
      { sectors: this.sectors });
    pen.restore();
  }
}
