// Questions to the store that is listened into: rows, the hours of the day and the directions.

import { canvasAngle, radians } from "./angles.js";
import { Dial, part } from "./dial.js";
import { make } from "./rules.js";

const HEARD = 0.5;  // of `elsa_rt.memory.answer`
const BY_CHANCE = "Background alone scores as much up to once an hour.";
const SHORT = ["front", "", "left", "", "behind", "", "right", ""];
const element = (id) => document.getElementById(id);

export class History {
  constructor(socket) {
    this.socket = socket;
    element("history-open").onclick = () => { element("history").showModal(); this.ask(false); };
    element("history-unusual").onclick = () => this.ask(true);
    element("history-form").onsubmit = (event) => {
      if (event.submitter?.value === "close") return;
      event.preventDefault();
      this.ask(false);
    };
  }

  /** `remembers`: whether there is a store to be asked. */
  start(remembers) {
    element("history-open").hidden = !remembers;
  }

  async ask(unusual) {
    const text = element("history-text").value.trim(), since = element("history-since").value;
    const said = element("history-said"), turn = (this.turn = (this.turn ?? 0) + 1);
    said.textContent = "looking …";
    let reply;
    try { reply = await this.socket.ask("recall", { text, since, unusual }); }
    catch (error) { reply = { rows: [], notices: [error.message] }; }
    if (turn !== this.turn) return;  // a later question is on its way
    const { rows, summary, notices } = reply, asked = text && !unusual;
    element("history-rows").replaceChildren(...rows.map((row) => shown(row, asked)));
    element("history-rows").scrollTop = 0;
    const first = rows.length ? sentence(summary, asked, unusual) : summary && "Nothing was found.";
    const notes = asked && summary?.heard > 1 ? [BY_CHANCE, ...notices] : notices;
    said.replaceChildren(first ?? "", ...notes.map((note) => make("span", "", note)));
    picture(rows.length && !unusual && summary.heard > 1 ? summary : null);
  }
}

function shown(row, asked) {
  const what = row.alerts[0]?.prompt ?? row.labels[0]?.name ?? "a sound";
  const sure = row.score === null || row.score >= HEARD;
  const item = make("li", sure ? "" : "unsure");
  item.append(new Dial().turn(row.azimuth_deg).svg, make("strong", "", what));
  if (asked) item.append(make("span", "score", row.score.toFixed(2)));
  const more = [when(row), row.words || "from nowhere", `${row.duration_s.toFixed(1)} s`];
  if (row.alerts.length) more.push("alert");
  item.append(make("span", "more", more.join(" · ")));
  if (row.reason) item.append(make("span", "more", row.reason));
  return item;
}

function when(row) {
  if (row.at) return moment(row.at);
  const minutes = Math.floor(row.time_s / 60), seconds = Math.floor(row.time_s % 60);
  return `${minutes}:${String(seconds).padStart(2, "0")} in ${row.source}`;
}

const moment = (at) =>
  new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });

function sentence(summary, asked, unusual) {
  if (unusual) return "The rarest first.";
  if (!asked) return `${summary.looked_at === 1 ? "One sound" : `${summary.looked_at} sounds`}, the latest first.`;
  if (!summary.heard) return "Probably not heard; this comes nearest.";
  const times = summary.heard === 1 ? "once" : `${summary.heard} times`;
  if (!summary.last_at) return `Heard ${times}.`;
  if (summary.heard === 1) return `Heard once, ${moment(summary.last_at)}.`;
  return `Heard ${times}, first ${moment(summary.first_at)}, last ${moment(summary.last_at)}.`;
}

/** The hours of the day and the directions of what was heard; nothing without a summary. */
function picture(summary) {
  const box = element("history-picture");
  box.replaceChildren();
  box.hidden = !summary;
  if (!summary) return;
  if (summary.by_hour.some(Boolean)) box.append(hours(summary.by_hour));
  box.append(rose(Object.entries(summary.by_direction)));
}

function hours(counts) {
  const most = Math.max(...counts);
  const told = counts.map((n, hour) => [hour, n]).filter(([, n]) => n)
    .map(([hour, n]) => `${hour} to ${hour + 1}: ${n}`).join(", ");
  const chart = part("svg", { viewBox: "0 0 240 64", role: "img", class: "hours",
    "aria-label": `By hour of the day, ${told}` });
  counts.forEach((n, hour) => {
    const high = n ? Math.max(2, (48 * n) / most) : 0;
    chart.append(part("rect", { x: 10 * hour + 1, y: 50 - high, width: 8, height: high, rx: 1 }));
  });
  chart.append(part("path", { d: "M0 50.5H240" }));
  for (const hour of [0, 6, 12, 18, 24]) {
    const text = part("text", { x: 10 * hour, y: 62,
      "text-anchor": hour === 0 ? "start" : hour === 24 ? "end" : "middle" });
    text.textContent = `${hour} h`;
    chart.append(text);
  }
  return chart;
}

function rose(directions) {
  const most = Math.max(1, ...directions.map(([, n]) => n));
  const told = directions.filter(([, n]) => n).map(([name, n]) => `${name}: ${n}`).join(", ");
  const chart = part("svg", { viewBox: "-44 -33 88 66", role: "img", class: "rose",
    "aria-label": `By direction, ${told || "none known"}` });
  chart.append(part("circle", { r: 22 }));
  directions.forEach(([, n], index) => {
    if (n) chart.append(part("path", { d: wedge(45 * index, 22 * Math.sqrt(n / most)) }));
    if (!SHORT[index]) return;
    const angle = canvasAngle(45 * index), side = index % 4;
    const text = part("text", { x: (side ? 24 : 0) * Math.cos(angle), y: 27.5 * Math.sin(angle) + 2.5,
      "text-anchor": side ? (index === 2 ? "end" : "start") : "middle" });
    text.textContent = SHORT[index];
    chart.append(text);
  });
  return chart;
}

/** Path of an eighth of the circle around an azimuth. */
function wedge(azimuth, radius) {
  const middle = canvasAngle(azimuth), half = radians(20);
  const at = (angle) => `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
  return `M0 0L${at(middle - half)}A${radius.toFixed(2)} ${radius.toFixed(2)} 0 0 1 ${at(middle + half)}z`;
}
