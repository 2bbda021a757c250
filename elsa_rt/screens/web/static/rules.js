// The rules: a meter each, updated in place ten times a second without a layout.

const FALL = 0.85, SPOKEN_MS = 250, BAR_STEPS = 200;

export class Rules {
  constructor(list, { onEdit, onMute }) {
    this.list = list;
    this.onEdit = onEdit;
    this.onMute = onMute;
    this.rows = new Map();
    this.rules = [];
  }

  /** `allMuted` says that no alert of any rule is told. */
  set(rules, allMuted) {
    this.rules = rules;
    this.allMuted = allMuted;
    const rows = new Map();
    for (const rule of rules) rows.set(rule.id, this.rows.get(rule.id) ?? this.row(rule.id));
    for (const [id, row] of this.rows) if (!rows.has(id)) row.item.remove();
    this.rows = rows;
    rules.forEach((rule, index) => this.fill(rule, index));
  }

  find(id) { return this.rules.find((rule) => rule.id === id); }

  row(id) {
    const item = make("li", "rule");
    const name = item.appendChild(make("button", "name"));
    name.type = "button";
    name.onclick = () => this.onEdit(this.find(id));
    const why = item.appendChild(make("span", "why"));
    const score = item.appendChild(make("span", "score"));
    const mute = item.appendChild(make("button", "mute quiet"));
    mute.type = "button";
    mute.onclick = () => this.onMute(this.find(id));
    const meter = item.appendChild(make("div", "meter"));
    meter.setAttribute("role", "meter");
    const bar = meter.appendChild(make("i")), mark = meter.appendChild(make("b"));
    return { item, name, score, mute, meter, bar, mark, why, length: 0, spoken: 0 };
  }

  fill(rule, index) {
    const row = this.rows.get(rule.id);
    if (this.list.children[index] !== row.item) this.list.insertBefore(row.item, this.list.children[index] ?? null);
    row.item.dataset.rule = rule.id;
    row.name.textContent = row.name.title = rule.label;
    row.name.setAttribute("aria-label", `${rule.label}, change`);
    row.mute.textContent = rule.muted ? "unmute" : "mute";
    row.mute.setAttribute("aria-label", `${rule.muted ? "unmute" : "mute"} ${rule.label}`);
    const silent = rule.muted || this.allMuted;
    row.item.classList.toggle("muted", silent);
    row.mute.disabled = this.allMuted;
    row.mark.hidden = rule.start === null;
    if (rule.start !== null) row.mark.style.left = `calc(${100 * rule.start}% - 1px)`;
    for (const [key, value] of [["label", `score of ${rule.label}`], ["valuemin", 0],
      ["valuemax", 1], ["valuenow", 0]]) row.meter.setAttribute(`aria-${key}`, value);
    if (silent) { row.alerting = false; row.item.classList.remove("alerting"); row.shown = 0; row.bar.style.transform = "scaleX(0)"; row.score.textContent = ""; }
    row.why.textContent = silent ? "muted" : place(rule);
  }

  /** One step: `open` holds the ids of rules that alert. */
  take(hearing, open, now) {
    if (this.allMuted) return;
    for (const rule of this.rules) {
      const row = this.rows.get(rule.id), score = hearing.scores[rule.id];
      if (score === undefined || rule.muted) continue;
      const alerting = open.has(rule.id);
      row.length = Math.max(score, FALL * row.length);
      const shown = Math.round(BAR_STEPS * row.length);
      if (shown !== row.shown) {  // what has not changed is not painted
        row.shown = shown;
        row.bar.style.transform = `scaleX(${shown / BAR_STEPS})`;
      }
      if (alerting !== row.alerting) row.item.classList.toggle("alerting", alerting);
      if (now - row.spoken > SPOKEN_MS || alerting !== row.alerting) {
        row.spoken = now; row.alerting = alerting;
        row.score.textContent = row.length.toFixed(2);
        row.meter.setAttribute("aria-valuenow", row.length.toFixed(2));
        row.why.textContent = alerting ? `alerting, ${hearing.words}` :
          reason(rule, hearing.reasons[rule.id], row.length);
      }
    }
  }
}

/** Why a rule does not alert, in a few words. */
function reason(rule, known, length) {
  const start = rule.start, where = place(rule);
  if (known) return known;
  if (start === null || length < 0.02) return where;
  return length < start ? `below ${start.toFixed(2)}${where && `, ${where}`}` : "";
}

function place(rule) {
  if (rule.level_dbfs !== null && !rule.prompts.length) return `louder than ${rule.level_dbfs} dBFS, ${rule.place}`;
  return rule.place === "anywhere" ? "" : rule.place;
}

export function make(tag, classes = "", text = "") {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text) element.textContent = text;
  return element;
}
