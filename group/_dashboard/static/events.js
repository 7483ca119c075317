// Live events: a list that is bounded, can be filtered, and stands still on request.

import { byId, chip, clock, count, el, parameters } from "./parts.js";

const MOST = 500, LATEST = 9, COME_AGAIN = 2000, RATE_OVER = 10;
// Reasons that say no more than the event does.
const ASKED = new Set(["leave", "unregister"]);
const WORDS = { node_up: "node up", node_down: "node down" };

export class Events {
  /** `where` gives group and node; `heard` is called with each event. */
  constructor(where, stateChanged, heard) {
    this.where = where;
    this.stateChanged = stateChanged;
    this.heard = heard;
    this.kept = [];
    this.waiting = [];
    this.paused = false;
    this.times = [];
    byId("events-form").addEventListener("submit", (event) => event.preventDefault());
    byId("words").addEventListener("input", () => this.draw());
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    byId("clear").addEventListener("click", () => { this.kept = []; this.waiting = []; this.draw(); });
    setInterval(() => this.showRate(), 1000);
    this.draw();
  }

  /** Listen to the node that is seen from; also after it has changed. */
  open() {
    this.source?.close();
    clearTimeout(this.again);
    this.stateChanged("wait");
    const source = this.source = new EventSource(`api/events?${parameters(this.where())}`);
    source.addEventListener("open", (event) => { if (event.data) this.stateChanged("live"); });
    source.addEventListener("events", (event) => this.take(JSON.parse(event.data)));
    source.addEventListener("trouble", () => this.reopen(source));
    source.addEventListener("error", () => this.reopen(source));
  }

  reopen(source) {
    // Some errors the browser mends itself, some not; so none.
    source.close();
    if (source !== this.source) return;
    this.stateChanged("lost");
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), COME_AGAIN);
  }

  take({ events, missed }) {
    const now = performance.now();
    this.times.push([now, events.length + missed]);
    const news = events.map((event) => ({ ...event, text: textOf(event) }));
    if (missed) news.push({ at: Date.now() / 1000, type: "missed", key: `${count(missed)} more, left out`, text: "missed" });
    for (const event of events) this.heard(event);
    if (this.paused) {
      this.waiting = [...this.waiting, ...news].slice(-MOST);
      this.showPause();
      return;
    }
    this.add(news);
  }

  add(news) {
    this.kept = [...news.reverse(), ...this.kept].slice(0, MOST);
    this.draw();
  }

  pause(paused) {
    this.paused = paused;
    const news = this.waiting;
    this.waiting = [];
    this.showPause();
    if (!paused) this.add(news);
  }

  showPause() {
    byId("pause").setAttribute("aria-pressed", String(this.paused));
    byId("pause").textContent = this.paused
      ? `Go on${this.waiting.length ? ` (${count(this.waiting.length)} new)` : ""}` : "Pause";
  }

  draw() {
    // At most once for each picture of the screen, however fast events come.
    this.drawing ??= requestAnimationFrame(() => { this.drawing = null; this.drawNow(); });
  }

  drawNow() {
    const wanted = byId("words").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = this.kept.filter((event) => wanted.every((word) => event.text.includes(word)));
    if (!byId("view-events").hidden) byId("log").replaceChildren(...fitting.map((event) => line(event, false)));
    byId("no-events").hidden = fitting.length > 0;
    byId("no-events").textContent = this.kept.length
      ? "No event fits. Clear the filter to see all of them."
      : "Nothing has happened since this page was opened.";
    byId("latest").replaceChildren(...(this.kept.length
      ? this.kept.slice(0, LATEST).map((event) => line(event, true))
      : [el("li.quiet", {}, "Nothing has happened since this page was opened.")]));
  }

  showRate() {
    const since = performance.now() - RATE_OVER * 1000;
    this.times = this.times.filter(([at]) => at >= since);
    const sum = this.times.reduce((total, [, number]) => total + number, 0);
    byId("rate").textContent = sum ? `${(sum / RATE_OVER).toFixed(1)} a second` : "";
  }
}

function textOf(event) {
  return [event.type, WORDS[event.type], event.key, event.actor, event.node, event.meta, event.reason, event.cluster]
    .filter(Boolean).join(" ").toLowerCase();
}

function line(event, brief) {
  const who = event.actor ? `${event.actor} on ${event.node}` : "";
  const cluster = event.cluster ? ` in ${event.cluster}` : "";
  const why = event.reason ? (ASKED.has(event.reason) ? "" : `, because ${event.reason}`)
    : event.meta && event.meta !== "{}" ? ` ${event.meta}` : "";
  const words = WORDS[event.type] ?? (event.again ? `${event.type} again` : event.type);
  const what = who ? `${who}${cluster}` : event.reason ?? "";
  return el("li", { "data-type": event.type },
    el("time", { datetime: new Date(event.at * 1000).toISOString() }, clock(event.at)),
    el("span", {}, chip(event.type, words)),
    el("span.key", { title: event.key }, event.key),
    el("span.what", { title: what }, who && !brief ? `${what}${why}` : what));
}
