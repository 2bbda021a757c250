// The state of the listener: a word in the corner, all of it in a dialog.

import { make } from "./rules.js";

const element = (id) => document.getElementById(id);

export class Health {
  constructor(socket) {
    this.socket = socket;
    element("health-open").onclick = () => { this.show(); element("health").showModal(); };
    element("doctor").onclick = () => this.look();
    this.notices = [];
  }

  start(about) {
    this.about = about;
    this.notices = about.notices;
    this.take(about.health);
  }

  take(health) {
    this.health = health;
    const state = health.state.toLowerCase();
    element("state").textContent = health.over ?? (health.deaf ? "deaf" : state);
    element("state-dot").className = health.over ? "" :
      health.state === "HEALTHY" ? "healthy" : "failing";
    if (element("health").open) this.show();
  }

  notice(notice) {
    this.notices.push(notice);
    if (element("health").open) this.show();
  }

  lost() {
    element("state").textContent = "no connection";
    element("state-dot").className = "failing";
  }

  show() {
    const h = this.health ?? {}, a = this.about ?? {};
    const percent = (share) => (share == null ? "–" : `${(100 * share).toFixed(1)} % of a core`);
    const rows = [
      ["State", [h.over ?? h.state?.toLowerCase(), ...(h.reasons ?? [])].filter(Boolean).join(": ")],
      ["Source", a.source], ["Model", a.model], ["Engine", a.engine],
      ["Lost", `${h.lost ?? 0} samples`], ["Load", percent(h.load)],
      ["Latency", h.latency_s == null ? "–" : `${Math.round(1000 * h.latency_s)} ms`],
      ["Level", h.level_dbfs == null ? "–" : `${h.level_dbfs} dBFS`.replace("-", "−")],
      ["Listening for", h.listening_s == null ? "–" : since(h.listening_s)],
      ["Viewers", h.viewers], ["Version", a.version],
    ];
    element("health-list").replaceChildren(...rows.flatMap(([name, value]) =>
      [make("dt", "", name), make("dd", "", String(value ?? "–"))]));
    const told = this.notices.slice(-20).reverse().map((notice) => {
      const at = new Date(1000 * notice.at).toLocaleTimeString();
      return make("li", "", `${at}  ${notice.text}`);
    });
    element("notices").replaceChildren(...(told.length ? told : [make("li", "faint", "none")]));
  }

  async look() {
    element("checks").replaceChildren(make("li", "faint", "looking …"));
    try {
      const { checks } = await this.socket.ask("doctor");
      element("checks").replaceChildren(...checks.map((check) => {
        const item = make("li", check.state);
        item.append(make("strong", "", `${{ ok: "✓", warning: "!", failure: "✗" }[check.state]} ${check.name} `),
          check.found, check.cure ? ` → ${check.cure}` : "");
        return item;
      }));
    } catch (error) {
      element("checks").replaceChildren(make("li", "failure", error.message));
    }
  }
}

function since(seconds) {
  const hours = Math.floor(seconds / 3600), minutes = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${seconds} s`;
}
