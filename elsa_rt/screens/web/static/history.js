// Questions to the store that is listened into, and the rows that answer them.

import { make } from "./rules.js";

const element = (id) => document.getElementById(id);

export class History {
  constructor(socket) {
    this.socket = socket;
    element("history-open").onclick = () => { element("history").showModal(); this.ask(false); };
    element("history-close").onclick = () => element("history").close();
    element("history-unusual").onclick = () => this.ask(true);
    element("history-form").onsubmit = (event) => { event.preventDefault(); this.ask(false); };
  }

  /** `remembers`: whether there is a store to be asked. */
  start(remembers) {
    element("history-open").hidden = !remembers;
  }

  async ask(unusual) {
    const text = element("history-text").value, since = element("history-since").value;
    const said = element("history-said");
    said.textContent = "looking …";
    try {
      const { rows, summary } = await this.socket.ask("recall", { text, since, unusual });
      element("history-rows").replaceChildren(...rows.map(shown));
      said.textContent = rows.length ? sentence(summary, text && !unusual) : "Nothing was found.";
    } catch (error) {
      element("history-rows").replaceChildren();
      said.textContent = error.message;
    }
  }
}

function shown(row) {
  const what = row.alerts[0]?.prompt ?? row.labels[0]?.name ?? "a sound";
  const item = make("li", row.alerts.length ? "raised" : "");
  const when = row.at ? new Date(row.at).toLocaleString() : `${row.time_s.toFixed(0)} s in ${row.source}`;
  const score = row.score == null ? "" : ` · ${row.score.toFixed(2)}`;
  item.append(make("strong", "", what), make("span", "faint",
    `${when} · ${row.words || "from nowhere"} · ${row.duration_s.toFixed(1)} s${score}`));
  if (row.reason) item.append(make("span", "faint", row.reason));
  return item;
}

function sentence(summary, asked) {
  if (!asked) return `${summary.looked_at} sounds`;
  if (!summary.heard) return "Probably not heard; this is what comes nearest.";
  const last = summary.last_at ? `, last ${new Date(summary.last_at).toLocaleString()}` : "";
  return `Heard ${summary.heard === 1 ? "once" : `${summary.heard} times`}${last}`;
}
