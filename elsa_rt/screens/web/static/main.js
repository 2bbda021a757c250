// The page: messages of the server become sounds on the compass, meters and alerts.

import { Alerts, joinedOf, titleOf } from "./alerts.js";
import { palette, wrapped } from "./angles.js";
import { Compass } from "./compass.js";
import { Editor } from "./editor.js";
import { Health } from "./health.js";
import { History } from "./history.js";
import { make, Rules } from "./rules.js";
import { Socket } from "./socket.js";
import { Strip } from "./strip.js";

const SAID_MS = 2500, LABELS = 3, LABELS_MS = 400;
const element = (id) => document.getElementById(id);

const compass = new Compass(element("compass"));
const strip = new Strip(element("strip"));
const alerts = new Alerts(element("alerts"), element("none"), element("timeline"), element("newer"),
  { onJudge: judge, onError: toast });
const rules = new Rules(element("rules"), { onEdit: (rule) => editor.open(rule), onMute: mute });
const socket = new Socket(take, connected);
const editor = new Editor(socket, {});
const health = new Health(socket);
const history = new History(socket);
let colours, about = {}, saidAt = 0, labelsAt = 0, skew = 0, trackNames = new Map();

function take(message) {
  const now = performance.now();
  switch (message.type) {
    case "hello": return hello(message);
    case "hearing": return hearing(message, now);
    case "alert": return alert(message);
    case "rules": return setRules(message);
    case "health": editor.count(message.statistics); return health.take(message);
    case "notice": health.notice(message); return toast(message.text);
  }
}

function hello(message) {
  about = message;
  skew = message.at - Date.now() / 1000;
  document.title = `elsa-rt: ${message.source}`;
  element("source").textContent = `${message.source} · ${message.model}`;
  compass.clear();
  trackNames.clear();
  strip.dark = isDark();
  strip.start(message.bands, message.step_s, message.columns);
  alerts.set(message.alerts);
  setRules(message);
  health.start(message);
  history.start(message.remembers);
  file(message.file);
}

function setRules({ rules: list, all_muted: allMuted }) {
  rules.set(list, allMuted);
  editor.update(list);
  const open = alerts.open, told = allMuted ? [] : list.filter((rule) => !rule.muted);
  compass.setRegions(told.map((rule) =>
    ({ id: rule.id, sectors: rule.sectors, alerting: open.has(rule.id) })));
  const button = element("mute-all");
  button.hidden = !list.length;
  button.textContent = allMuted ? "unmute all" : "mute all";
  button.classList.toggle("pressed", allMuted);
  element("muted").hidden = !allMuted;
}

function hearing(step, now) {
  const open = alerts.open;
  const sounding = step.activity >= 0.5;
  const told = narrowest(step.labels, about.told_from);
  const tracks = step.tracks.map((track) => {
    const active = Math.abs(track.last_s - step.time_s) < 1e-3;
    const alert = surest([...open.values()].filter((one) => one.track === track.id));
    if (active && sounding && told && near(track, step)) trackNames.set(track.id, told.name);
    return { ...track, active, alerting: !!alert, label: alert?.prompt ?? trackNames.get(track.id) };
  });
  compass.take(tracks, now);
  compass.light(open);
  strip.take(step.column, open.size > 0, now);
  rules.take(step, open, now);
  say(step, open, told, sounding, tracks, now);
  if (now - labelsAt > LABELS_MS) { labelsAt = now; labels(step, sounding); }
}

/** The alert that leads: of one sound the surest. */
const surest = (alerts) => alerts.sort((a, b) => !!a.surer - !!b.surer || b.score - a.score)[0];

const near = (track, step) => Math.abs(wrapped(track.azimuth_deg - step.azimuth_deg)) < 40;

/** The narrowest label that is sure enough; labels come sorted by probability. */
function narrowest(list, from) {
  return list.filter((label) => label.probability >= Math.max(from ?? 1, 0.5)).at(-1);
}

function say(step, open, told, sounding, tracks, now) {
  const line = element("now"), more = element("now-more");
  const alert = surest([...open.values()]);
  if (alert || (sounding && told)) {
    const track = tracks.find((one) => one.active);
    const spread = track?.uncertainty_deg ? ` ±${Math.round(track.uncertainty_deg)}°` : "";
    line.textContent = alert ? alert.prompt : told.name;
    line.className = alert ? "alerting" : "";
    more.textContent = `${alert ? alert.words : step.words}${spread} · ${level(step)}`;
    saidAt = now;
    element("compass").setAttribute("aria-label",
      `Compass: ${line.textContent}, ${alert ? alert.words : step.words}`);
  } else if (now - saidAt > SAID_MS) {
    line.textContent = sounding ? "a sound" : "quiet";
    line.className = "idle";
    more.textContent = sounding ? `${step.words} · ${level(step)}` : " ";
    element("compass").setAttribute("aria-label", "Compass, nothing heard");
  }
}

const level = (step) => `${step.level_dbfs < 0 ? "−" : ""}${Math.abs(step.level_dbfs)} dBFS`;

function labels(step, sounding) {
  const list = element("labels");
  const shown = sounding ? step.labels.slice(0, LABELS).filter((l) => l.probability >= 0.1) : [];
  if (list.matches(":hover, :focus-within") && list.children.length) return;  // a hand is on its way
  if (!shown.length && list.children.length && performance.now() - saidAt < 2 * SAID_MS) return;
  list.replaceChildren(...shown.map((label) => {
    const item = make("li", label.probability < about.told_from ? "unsure" : "",
      `${label.name} ${Math.round(100 * label.probability)} %`);
    const button = item.appendChild(make("button", "", "+ listen for it"));
    button.type = "button";
    button.setAttribute("aria-label", `listen for ${label.name}`);
    button.onclick = () => add(label.name);
    return item;
  }));
}

function alert(message) {
  const fresh = !alerts.alerts.has(message.id);
  alerts.take(message);
  compass.light(alerts.open);
  if (fresh && message.state === "start") {
    const said = [titleOf(message), joinedOf(message), message.words];
    element("spoken").textContent = said.filter(Boolean).join(", ");
  }
}

async function add(prompt) {
  try {
    await socket.ask("add", { prompt });
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

async function mute(rule) {
  try { await socket.ask("mute", { rule: rule.id, muted: !rule.muted }); }
  catch (error) { toast(error.message); }
}

element("mute-all").onclick = async () => {
  try { await socket.ask("mute", { muted: !rules.allMuted }); }
  catch (error) { toast(error.message); }
};

async function judge(alert, verdict) {
  try {
    const taken = alert.verdict === verdict ? "undo" : verdict;
    await socket.ask("judge", { alert: alert.id, verdict: taken });
    const rules = [alert, ...(alert.joined ?? [])].map((one) => `“${one.prompt}”`).join(" and ");
    toast(taken === "undo" ? "Taken back." : verdict === "false" ? `Its like will not alert as ${rules} again.` : "Thank you, noted.");
  } catch (error) { toast(error.message); }
}

function file(path) {
  const line = element("file");
  line.replaceChildren();
  if (path) { line.textContent = `Kept in ${path}`; return; }
  line.append("Not kept after the end. ");
  const button = line.appendChild(make("button", "quiet", "Save as rules.yaml"));
  button.type = "button";
  button.onclick = async () => {
    try {
      const { path: saved } = await socket.ask("save", { path: "rules.yaml" });
      toast(`Saved: elsa-rt serve --config ${saved}`);
    } catch (error) { toast(error.message); }
  };
}

let toastTimer;
function toast(text) {
  const box = element("toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), 6000);
}

function connected(yes) {
  element("lost").hidden = yes;
  if (!yes) { health.lost(); compass.clear(); }
}

element("add").onsubmit = async (event) => {
  event.preventDefault();
  const field = element("prompt");
  if (field.value.trim() && await add(field.value)) field.value = "";
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";

function theme() {
  colours = palette();
  compass.setColours(colours);
  strip.dark = isDark();
  strip.repaint();
}
element("theme").onclick = () => {
  const chosen = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  try { localStorage.setItem("theme", chosen); } catch { /* private windows keep nothing */ }
  theme();
};
try {
  const kept = localStorage.getItem("theme");
  if (kept) document.documentElement.dataset.theme = kept;
} catch { /* as above */ }
dark.addEventListener("change", theme);
theme();

let before = performance.now(), timelineAt = 0;
function frame(now) {
  compass.draw(now, now - before);
  strip.draw(now, colours);
  editor.draw(colours);
  if (now - timelineAt > 200) { timelineAt = now; alerts.draw(colours, Date.now() / 1000 + skew); }
  before = now;
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
