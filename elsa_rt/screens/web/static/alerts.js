// The list of alerts, newest first, and the last ten minutes as a timeline.

import { fit, textSize } from "./angles.js";
import { Dial } from "./dial.js";
import { make } from "./rules.js";
import { SteadyList } from "./steady.js";

/** What an alert is called: of one sound the surest leads, and others are "also". */
export const titleOf = (alert) => (alert.surer ? `also ${alert.prompt}` : alert.prompt);

/** What joined an alert, where alerts are grouped. */
export function joinedOf(alert) {
  const others = (alert.joined ?? []).map((one) => `${one.prompt} ${one.score.toFixed(2)}`);
  return others.length ? `also ${others.join(", ")}` : "";
}

const SHOWN = 100, KEPT = 300, TIMELINE_S = 600;

export class Alerts {
  constructor(list, none, canvas, newer, { onJudge, onError }) {
    Object.assign(this, { list, none, canvas, onJudge });
    this.steady = new SteadyList(list, newer);
    this.alerts = new Map();
    this.rows = new Map();
    this.player = new Player(document.getElementById("player"), onError);
    canvas.addEventListener("click", (event) => this.show(this.at(event)));
  }

  set(alerts) {
    this.steady.clear();
    this.alerts.clear();
    this.rows.clear();
    for (const alert of alerts) this.take(alert);
  }

  take(alert) {
    const [oldest] = this.alerts.values();
    if (this.alerts.size >= KEPT && alert.begun < oldest.begun) return;  // it was let go before
    this.alerts.set(alert.id, alert);
    let row = this.rows.get(alert.id);
    if (!row) {
      row = this.row(alert.id);
      this.rows.set(alert.id, row);
      this.fill(row, alert);
      this.steady.add(row.item);
      if (this.list.children.length > SHOWN) this.list.lastElementChild.remove();
      if (this.alerts.size > KEPT) this.forget(oldest.id);
    }
    this.fill(row, alert);
    this.none.hidden = true;
  }

  forget(id) {
    this.alerts.delete(id);
    this.rows.delete(id);
  }

  /** Rules that alert at present, with the alert of each. */
  get open() {
    const found = new Map();
    for (const alert of this.alerts.values()) {
      if (alert.state === "end") continue;
      for (const one of alert.joined ?? []) {
        if (one.state !== "end" && !found.has(one.rule)) found.set(one.rule, alert);
      }
      found.set(alert.rule, alert);
    }
    return found;
  }

  row(id) {
    const item = make("li", "alert");
    const dial = new Dial();
    item.append(dial.svg);
    const title = item.appendChild(make("span", "title"));
    const more = item.appendChild(make("span", "more"));
    const also = item.appendChild(make("span", "also"));
    const verdict = item.appendChild(make("span", "verdict"));
    const play = verdict.appendChild(make("button", "quiet play"));
    play.type = "button";
    play.onclick = () => this.player.toggle(id, play);
    this.player.show(play, false);
    verdict.append(make("span", "that", "that was"));
    const buttons = ["false", "right"].map((word) => {
      const button = verdict.appendChild(make("button", "", word));
      button.type = "button";
      button.onclick = () => this.onJudge(this.alerts.get(id), word);
      return [word, button];
    });
    return { item, dial, title, more, also, play, buttons };
  }

  fill(row, alert) {
    const open = alert.state !== "end";
    row.item.classList.toggle("open", open);
    row.item.classList.toggle("false", alert.verdict === "false");
    row.dial.turn(alert.azimuth_deg);
    row.title.textContent = titleOf(alert);
    row.item.classList.toggle("beside", !!alert.surer);
    row.also.textContent = joinedOf(alert);
    const at = new Date(1000 * alert.begun);
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const spread = alert.uncertainty_deg === null ? "" : ` ±${Math.round(alert.uncertainty_deg)}°`;
    const length = open ? "now" : `${alert.duration_s.toFixed(1)} s`;
    row.more.textContent = `${clock} · ${alert.words}${spread} · ${length} · ${alert.score.toFixed(2)}`;
    row.play.hidden = !alert.clip;
    row.play.setAttribute("aria-label", `play ${alert.prompt} at ${clock}`);
    for (const [word, button] of row.buttons) {
      button.setAttribute("aria-pressed", alert.verdict === word);
      button.setAttribute("aria-label", `that was ${word}: ${alert.prompt} at ${clock}`);
    }
  }

  /** The alert whose bar is under the pointer, or nearest to it. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = this.now - TIMELINE_S * (1 - (event.clientX - box.left) / box.width);
    const far = (one) => Math.max(one.begun - at, 0, at - (one.state === "end" ? one.at : this.now));
    const near = [...this.alerts.values()].sort((a, b) => far(a) - far(b))[0];
    return near && far(near) < TIMELINE_S / 30 ? near : null;
  }

  /** Bring the row of an alert into view, its buttons ready. */
  show(alert) {
    const row = alert && this.rows.get(alert.id);
    if (!row) return;
    this.steady.release();
    row.item.scrollIntoView({ block: "nearest" });
    row.buttons[0][1].focus({ preventScroll: true, focusVisible: true });
  }

  draw(colours, now) {
    this.now = now;
    const [width, height, ratio] = fit(this.canvas);
    if (!width) return;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const x = (at) => width * (1 - (now - at) / TIMELINE_S);
    pen.fillStyle = colours.faint;
    const text = 0.72 * textSize(ratio);
    pen.font = `${text}px system-ui, sans-serif`;
    pen.textBaseline = "bottom";
    for (const minutes of [2, 4, 6, 8]) {
      const at = width * (1 - minutes / 10);
      pen.globalAlpha = 0.5;
      pen.fillRect(at, 0, ratio, 4 * ratio);
      pen.globalAlpha = 1;
      pen.textAlign = "center";
      pen.fillText(`−${minutes} min`, at, height - 2 * ratio);
    }
    for (const alert of this.alerts.values()) {
      const from = x(alert.begun), to = alert.state === "end" ? x(alert.at) : width;
      if (to < 0) continue;
      pen.fillStyle = alert.verdict === "false" ? colours.bar : colours.accent;
      pen.fillRect(from, 7 * ratio, Math.max(to - from, 2.5 * ratio), height - text - 13 * ratio);
    }
  }
}

/** Plays one clip at a time. */
class Player {
  constructor(audio, onError) {
    this.audio = audio;
    audio.onended = () => this.stop();
    audio.onerror = () => { if (this.button) { this.stop(); onError("There is no clip of it any more."); } };
  }

  toggle(id, button) {
    const again = this.button === button;
    this.stop();
    if (again) return;
    this.button = button;
    this.show(button, true);
    this.audio.src = `clips/${encodeURIComponent(id)}.wav`;
    this.audio.play().catch(() => {});  // onerror tells why
  }

  stop() {
    if (this.button) this.show(this.button, false);
    this.button = null;
    this.audio.pause();
  }

  show(button, playing) {
    button.textContent = playing ? "■" : "▶";
    button.setAttribute("aria-pressed", playing);
  }
}
