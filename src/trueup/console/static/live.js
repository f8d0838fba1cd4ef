// Brings values up to date in place, and says plainly whether they still are.
"use strict";
(() => {
  const state = document.querySelector("[data-live-state]");
  const words = document.querySelector("[data-live-words]");
  if (!state || !window.EventSource) return;

  const say = (name, sentence) => {
    state.dataset.liveState = name;
    if (words.textContent !== sentence) words.textContent = sentence;
  };

  const set = (element, text) => {
    if (element instanceof HTMLTimeElement) {
      element.dateTime = text;
      element.title = text;
      return;
    }
    if (element.dataset.value === text) return;
    element.dataset.value = text;
    if ("keep" in element.dataset) return;
    element.textContent = text;
    element.classList.remove("changed");
    void element.offsetWidth; // begins the animation anew
    element.classList.add("changed");
  };

  const source = new EventSource("/live");
  source.addEventListener("now", (message) => {
    const { values, rows } = JSON.parse(message.data);
    for (const element of document.querySelectorAll("[data-live]")) {
      const text = values[element.dataset.live];
      if (text !== undefined) set(element, text);
    }
    say("on", "Live");
    document.dispatchEvent(new CustomEvent("trueup:rows", { detail: rows }));
  });
  source.addEventListener("away", (message) => say("away", JSON.parse(message.data).message));
  source.addEventListener("error", () => {
    const closed = source.readyState === EventSource.CLOSED;
    say("away", closed ? "Not live. Refresh to see what is new." : "Connection lost. Trying again…");
  });
  addEventListener("pagehide", () => source.close());
})();
