"use strict";
// The console's own script: countdowns, live refresh, keys. The state of a clock always comes from the server.
(() => {
  const body = document.body;
  const serverNow = Date.parse(body.dataset.now);
  const skew = serverNow - Date.now();

  const say = (seconds) => {
    const past = seconds < 0;
    let left = Math.abs(Math.floor(seconds));
    const days = Math.floor(left / 86400); left -= days * 86400;
    const hours = Math.floor(left / 3600); left -= hours * 3600;
    const minutes = Math.floor(left / 60); left -= minutes * 60;
    const [d, h, min, s] = body.dataset.units.split("|").map((unit) => unit.trim());
    const text = days ? `${days} ${d} ${hours} ${h}` : hours ? `${hours} ${h} ${minutes} ${min}` : minutes ? `${minutes} ${min} ${left} ${s}` : `${left} ${s}`;
    return past ? body.dataset.over.replace("~", text) : text;
  };

  const tick = () => {
    const now = Date.now() + skew;
    for (const node of document.querySelectorAll("[data-due]")) {
      const due = Date.parse(node.dataset.due), anchor = Date.parse(node.dataset.anchor);
      const out = node.querySelector(".left") || node;
      const text = say((due - now) / 1000);
      if (out.textContent !== text) out.textContent = text;
      const used = (now - anchor) / Math.max(due - anchor, 1);
      node.classList.toggle("amber", used >= 0.75 && used < 1);
      node.classList.toggle("red", used >= 1);
    }
    const time = document.getElementById("server-time");
    if (time) time.textContent = new Date(now).toLocaleTimeString("en-GB", { timeZone: "Asia/Almaty" });
  };
  tick();
  setInterval(tick, 1000);
  const drift = document.getElementById("drift");
  if (drift && Math.abs(skew) > 60000) drift.textContent = body.dataset.drift;

  // Live parts ask for themselves anew when the log has grown, at most once a second, never under somebody's hands.
  if (body.dataset.live && "EventSource" in window) {
    let pending = false, last = 0, source = null, seen = body.dataset.live;
    const fire = () => {
      pending = false;
      last = Date.now();
      htmx.trigger(body, "live");
    };
    const connect = () => {
      source = new EventSource(`/stream?after=${seen}`);
      source.addEventListener("change", (event) => {
        seen = event.data;
        if (pending) return;
        pending = true;
        setTimeout(fire, Math.max(0, 1000 - (Date.now() - last)));
      });
    };
    connect();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) source.close(); else connect();
    });
    addEventListener("pagehide", () => source.close());
    // A part somebody works in is left alone: neither asked for, nor replaced by an answer that was already on its way.
    let skipped = false;
    const inUse = (part) => {
      const busy = part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      const typed = [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);
      const used = busy || typed || part.querySelector("details[open] form") !== null;
      skipped = skipped || used;
      return used;
    };
    body.addEventListener("htmx:beforeRequest", (event) => {
      if (inUse(event.detail.elt)) event.preventDefault();
    });
    body.addEventListener("htmx:beforeSwap", (event) => {
      if (inUse(event.detail.target)) event.detail.shouldSwap = false;
    });
    body.addEventListener("focusout", () => {
      if (!skipped) return;
      skipped = false;
      setTimeout(fire, 1000);
    });
    body.addEventListener("htmx:afterSwap", tick);
  }

  // Keys by place, not by letter: they work on Cyrillic layouts.
  let row = -1, go = false;
  const rows = () => [...document.querySelectorAll("[data-row]")];
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (go) {
      go = false;
      const link = document.querySelector(`header nav [data-key="${event.code}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.code === "KeyG") { go = true; setTimeout(() => { go = false; }, 1500); return; }
    if (event.code === "KeyJ" || event.code === "KeyK") {
      const all = rows();
      if (!all.length) return;
      row = Math.min(all.length - 1, Math.max(0, row + (event.code === "KeyJ" ? 1 : -1)));
      all.forEach((node, index) => node.classList.toggle("at", index === row));
      all[row].scrollIntoView({ block: "nearest" });
      return;
    }
    if (event.code === "Enter" && row >= 0) {
      const link = rows()[row]?.querySelector("a");
      if (link) link.click();
      return;
    }
    const target = document.querySelector(`main [data-key="${event.code}"]`);
    if (!target) return;
    event.preventDefault();
    if (/^(INPUT|TEXTAREA)$/.test(target.tagName)) target.focus(); else target.click();
  });
})();
