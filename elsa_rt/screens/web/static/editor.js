// The dialog of one rule: sentences, region, how readily, and what to expect of that.

import { RegionDial } from "./compass.js";
import { make } from "./rules.js";

const element = (id) => document.getElementById(id);
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const ASK_MS = 300;
const EDITED = ["prompts", "but_not", "region", "false_alarms_per_hour"];

const few = (value) => value === null ? "?" : Number(value.toPrecision(2)).toString();
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** What became of a rule, in a sentence; a rate means something after an hour. */
export function became(one) {
  const minutes = Math.round(60 * one.hours);
  const span = minutes < 1 ? "less than a minute" : minutes < 120 ? count(minutes, "minute", "minutes") :
    `${Math.round(one.hours)} hours`;
  const rate = one.hours < 1 ? "" : `, ${few(one.counted_per_hour)} alerts an hour`;
  const kept = one.proposed_start === null ? "" :
    ` That is far more often than allowed: a threshold of ${one.proposed_start} would have kept the rate.`;
  return `In ${span}: ${count(one.alerts, "alert", "alerts")} and ` +
    `${count(one.near_misses, "near miss", "near misses")}${rate}. Expected of background ` +
    `alone: ${few(one.expected_per_hour)} an hour; allowed: ${few(one.asked_per_hour)}.${kept}`;
}

export class Editor {
  constructor(socket, { onError }) {
    this.socket = socket;
    this.onError = onError;
    this.dialog = element("editor");
    this.rates = [];
    this.dial = new RegionDial(element("region"), (sector) => this.setRegion([sector]));
    for (const id of ["edit-prompts", "edit-not"]) element(id).oninput = () => this.askSoon();
    for (const id of ["edit-from", "edit-to"]) {
      element(id).onchange = () => {
        const [from, to] = ["edit-from", "edit-to"].map((name) => element(name).valueAsNumber);
        if (Number.isFinite(from) && Number.isFinite(to)) this.setRegion([[from, to]]);
      };
    }
    element("edit-anywhere").onclick = () => this.setRegion(null);
    element("edit-rate").oninput = () => this.tell();
    element("edit-remove").onclick = () => this.remove();
    element("editor-form").onsubmit = (event) => {
      if (event.submitter?.value === "save") { event.preventDefault(); this.save(); }
    };
  }

  /** `statistics` by rule, as they are now. */
  count(statistics) {
    this.statistics = statistics;
    if (!this.rule) return;
    const mine = statistics?.[this.rule.id];
    element("edit-counted").textContent = mine ? became(mine) : "";
  }

  open(rule) {
    this.rule = rule;
    this.count(this.statistics);
    this.expected = null;
    element("editor-title").textContent = rule.label;
    element("edit-prompts").value = rule.prompts.join("\n");
    element("edit-not").value = rule.but_not.join("\n");
    element("edit-error").hidden = element("edit-other").hidden = true;
    this.lock(false);
    element("edit-expected").replaceChildren();
    this.region = rule.region;
    this.rate = rule.false_alarms_per_hour;
    this.moved = false;
    this.showRegion();
    this.dialog.showModal();
    this.ask();
  }

  /** `rules` as they are now: somebody else may have changed or removed the one that is open. */
  update(rules) {
    this.rules = rules;
    if (!this.dialog.open || this.sending) return;
    const now = rules.find((rule) => rule.id === this.rule.id), other = element("edit-other");
    if (!now) {
      other.textContent = "This rule was removed elsewhere meanwhile, or has another sentence now.";
      this.lock(true);
    } else {
      const kept = this.changes(), changed = EDITED.filter((field) => !same(now[field], this.rule[field]));
      if (!changed.length) return;
      this.rule = now;
      element("editor-title").textContent = now.label;
      if (!kept.prompts) element("edit-prompts").value = now.prompts.join("\n");
      if (!kept.but_not) element("edit-not").value = now.but_not.join("\n");
      if (!("region" in kept) && changed.includes("region")) {
        this.region = now.region;
        this.showRegion();
      }
      this.rate = now.false_alarms_per_hour;
      const both = changed.some((field) => field in kept);
      other.textContent = "This rule was changed elsewhere meanwhile" +
        (both ? "; Save replaces that by what you chose here." : ", and is shown as it is now.");
      this.ask();
    }
    other.hidden = false;
  }

  /** Nothing can be saved of a rule that is no more. */
  lock(gone) {
    this.gone = gone;
    for (const id of ["edit-save", "edit-remove"]) element(id).disabled = gone;
  }

  /** Sectors from and to in degrees, or null for what the words say. */
  setRegion(sectors) {
    this.region = sectors;
    this.showRegion();
    this.askSoon();
  }

  showRegion() {
    const sectors = this.region ?? [];
    element("edit-from").value = sectors.length ? Math.round(sectors[0][0]) : "";
    element("edit-to").value = sectors.length ? Math.round(sectors[0][1]) : "";
    element("edit-anywhere").disabled = !sectors.length;
    this.showSectors();
  }

  /** On the dial alone: a number that is being typed stays. */
  showSectors() { this.dial.sectors = this.region ?? this.expected?.sectors ?? []; }

  /** What differs from the rule, as the server takes it. */
  changes() {
    const found = {};
    const prompts = lines(element("edit-prompts").value);
    const but = lines(element("edit-not").value);
    if (!same(prompts, this.rule.prompts)) found.prompts = prompts;
    if (!same(but, this.rule.but_not)) found.but_not = but;
    if (!same(this.region, this.rule.region)) {
      found.region = this.region?.map((sector) => ({ azimuth_deg: sector })) ?? null;
    }
    if (this.moved) found.false_alarms_per_hour = this.rates[element("edit-rate").value];
    return found;
  }

  askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ASK_MS);
  }

  async ask() {
    if (this.gone) return;
    const changes = this.changes();
    delete changes.false_alarms_per_hour;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const { expected } = await this.socket.ask("explain", { rule: this.rule.id, changes });
      if (turn !== this.turn) return;
      this.expected = expected;
      this.error(null);
    } catch (error) {
      if (turn === this.turn) this.error(error);
      return;
    }
    this.rates = this.expected.false_alarms_per_hour;
    const slider = element("edit-rate");
    slider.max = this.rates.length - 1;
    if (!this.moved) slider.value = nearest(this.rates, this.rate);
    const sound = this.expected.what.join(" / ");
    element("edit-place").textContent = `${sound ? `“${sound}”, ` : ""}${this.expected.place}`;
    this.showSectors();
    this.tell(true);
  }

  /** What to expect at the place of the slider. */
  tell(first = false) {
    if (!first) this.moved = true;
    const e = this.expected;
    if (!e) return;
    const at = Number(element("edit-rate").value);
    const rate = this.moved ? this.rates[at] : this.rate;
    element("edit-rate-text").textContent = often(rate);
    element("edit-rate").setAttribute("aria-valuetext", often(rate));
    const box = element("edit-expected");
    box.replaceChildren();
    const score = e.score[at];
    if (score !== null) {
      const line = box.appendChild(make("p", "", "Alerts from a score of "));
      line.append(make("strong", "", score.toFixed(2)), ".");
    }
    if (e.missed) {
      const line = box.appendChild(make("p", "", "Misses about "));
      const missed = Math.round(e.missed_of * e.missed[at]);
      line.append(make("strong", "", e.missed_of < 20 ? `${missed} of ${e.missed_of}` :
        `${Math.round(100 * e.missed[at])} % of`), " such sounds, faint and far ones included.");
    } else if (e.missed_at_one !== null) {
      const line = box.appendChild(make("p", "", "Misses about "));
      line.append(make("strong", "", `${Math.round(100 * e.missed_at_one)} %`),
        " of such sounds in a home, where one false alarm an hour is allowed.");
    } else {
      box.append(make("p", "faint", "How many it misses is not known: the model was not measured on this sound."));
    }
    if (!e.means.length && e.nearest.length) {
      box.append(make("p", "faint", `Nearest known sounds: ${e.nearest.slice(0, 3).map(([name]) => name).join(", ")}.`));
    }
    for (const notice of e.notices) box.append(make("p", "faint", notice));
  }

  async save() {
    const changes = this.changes();
    if (!Object.keys(changes).length) return this.dialog.close();
    await this.send("change", { rule: this.rule.id, changes });
  }

  async remove() { await this.send("remove", { rule: this.rule.id }); }

  /** The rules as they are then come before the reply, and are no news. */
  async send(what, fields) {
    if (this.gone) return;
    this.sending = true;
    try {
      await this.socket.ask(what, fields);
      this.dialog.close();
    } catch (error) {
      this.error(error);
    } finally {
      this.sending = false;
      this.update(this.rules);
    }
  }

  error(error) {
    element("edit-error").hidden = !error;
    element("edit-error").textContent = error ? error.message : "";
  }

  draw(colours) { if (this.dialog.open) this.dial.draw(colours); }
}

function nearest(rates, rate) {
  const far = (one) => Math.abs(Math.log(one / rate));
  return rates.reduce((best, one, i) => (far(one) < far(rates[best]) ? i : best), 0);
}

function often(rate) {
  if (rate >= 0.99) return `${rate < 10 ? Number(rate.toFixed(1)) : Math.round(rate)} an hour`;
  const hours = 1 / rate;
  return hours < 24 ? `1 in ${Math.round(hours)} hours` : `1 in ${Number((hours / 24).toFixed(1))} days`;
}
