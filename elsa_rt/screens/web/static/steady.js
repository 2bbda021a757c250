// A list whose newest row comes first, and that never moves under a hand.

const LIFTED_MS = 700, STILL_MS = 4000, MOVED_MS = 350;

export class SteadyList {
  /**
   * Rows wait while a finger or a moving mouse is on `list`, and come above what is shown where it
   * was scrolled. `newer` is the button that counts those, and brings them.
   */
  constructor(list, newer) {
    Object.assign(this, { list, newer, waiting: [], above: 0, held: false });
    const around = list.parentElement;  // the list itself takes no pointer while it is settling
    const on = (kind, take) => around.addEventListener(kind, take);
    on("pointerdown", () => this.hold(null));
    on("pointermove", (event) => this.hold(event.buttons ? null : STILL_MS));
    on("pointerup", (event) => this.hold(event.pointerType === "touch" ? LIFTED_MS : STILL_MS));
    on("pointercancel", () => this.hold(STILL_MS));  // a finger that scrolls or rests is still there
    on("pointerleave", (event) => event.pointerType !== "touch" && this.release());
    list.addEventListener("scroll", () => { if (list.scrollTop <= 0) { this.above = 0; this.tell(); } });
    newer.onclick = () => this.show();
  }

  clear() {
    this.waiting = [];
    this.above = 0;
    this.list.replaceChildren();
    this.tell();
  }

  add(item) {
    if (this.held && this.list.scrollTop <= 0 && this.list.children.length) this.waiting.push(item);
    else this.insert(item);
    this.tell();
  }

  /** All rows, and the newest in view. */
  show() {
    this.release();
    this.list.scrollTop = 0;
  }

  /** No row moves for so long, or until `release`. */
  hold(milliseconds) {
    this.held = true;
    clearTimeout(this.timer);
    if (milliseconds !== null) this.timer = setTimeout(() => this.release(), milliseconds);
  }

  release() {
    this.held = false;
    clearTimeout(this.timer);
    const rows = this.waiting;
    this.waiting = [];
    for (const item of rows) this.insert(item);
    this.tell();
  }

  insert(item) {
    const { list } = this, top = list.scrollTop, rows = list.children.length;
    list.prepend(item);
    if (top > 0) {
      list.scrollTop = top + item.getBoundingClientRect().height;
      this.above++;
    } else if (rows) {
      this.still();
    }
  }

  /** A tap that was meant for the row that was here a moment ago does nothing. */
  still() {
    this.list.style.pointerEvents = "none";
    clearTimeout(this.settling);
    this.settling = setTimeout(() => { this.list.style.pointerEvents = ""; }, MOVED_MS);
  }

  tell() {
    const count = this.waiting.length + this.above;
    this.newer.hidden = !count;
    this.newer.textContent = `${count} newer`;
  }
}
