// The connection: messages in, requests out with a promise each, back again after every loss.

const FIRST_WAIT_MS = 300, LONGEST_WAIT_MS = 5000, SILENT_MS = 15000;

export class Socket {
  /** `onMessage` takes every message but replies, `onState` whether the connection stands. */
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.wait = FIRST_WAIT_MS;
    this.calls = new Map();
    this.asked = new Map();   // what waits for its reply, by what was asked
    this.next = 1;
    this.open();
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    setInterval(() => this.check(), 3000);
  }

  open() {
    const url = new URL("live", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.heard = performance.now();
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = () => this.lost();
  }

  take(message) {
    this.heard = performance.now();
    if (message.type === "hello") {
      this.wait = FIRST_WAIT_MS;
      this.onState(true);
    }
    if (message.type !== "reply") return this.onMessage(message);
    const call = this.calls.get(message.call);
    this.calls.delete(message.call);
    if (call) message.ok ? call.done(message) : call.failed(new Error(message.error));
  }

  lost() {
    this.onState(false);
    for (const call of this.calls.values()) call.failed(new Error("the connection was lost"));
    this.calls.clear();
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
  }

  /** Try at once instead of waiting on. */
  retry() {
    if (this.socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.timer);
    this.open();
  }

  /** A connection that has been silent for long is dead, though nobody has closed it. */
  check() {
    if (this.socket.readyState === WebSocket.OPEN && performance.now() - this.heard > SILENT_MS) {
      this.socket.onclose = null;
      this.socket.close();
      this.lost();
    }
  }

  /**
   * Ask for something; resolves with the reply, rejects with the server's sentence.
   * The same again before the reply, of a button that was pressed twice, is asked once.
   */
  ask(what, fields = {}) {
    const key = JSON.stringify([what, fields]);
    const waiting = this.asked.get(key) ??
      this.send(what, fields).finally(() => this.asked.delete(key));
    this.asked.set(key, waiting);
    return waiting;
  }

  send(what, fields) {
    const call = this.next++;
    return new Promise((done, failed) => {
      if (this.socket.readyState !== WebSocket.OPEN) {
        return failed(new Error("there is no connection at the moment"));
      }
      this.calls.set(call, { done, failed });
      this.socket.send(JSON.stringify({ do: what, call, ...fields }));
    });
  }
}
