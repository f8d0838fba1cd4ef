// Brings values up to date in place, and says plainly whether they still are.
"use strict";
(() => {
  const state = document.querySelector("[data-live-state]");
  const sentence = document.querySelector("[data-live-words]");
  if (!state || !window.EventSource) return;

  const say = (name, text) => {
    state.dataset.liveState = name;
    if (sentence.textContent !== text) sentence.textContent = text;
  };

  const set = (element, text, shown) => {
    if (element instanceof HTMLTimeElement) {
      element.dateTime = text;
      element.title = text;
      return;
    }
    if (element.dataset.value === text) return;
    element.dataset.value = text;
    if ("keep" in element.dataset) return;
    element.textContent = shown;
    element.classList.remove("changed");
    void element.offsetWidth; // begins the animation anew
    element.classList.add("changed");
  };

  const source = new EventSource("/live");
  source.addEventListener("now", (message) => {
    const { values, words, rows } = JSON.parse(message.data);
    for (const element of document.querySelectorAll("[data-live]")) {
      const text = values[element.dataset.live];
      if (text !== undefined) set(element, text, words[text] ?? text);
    }
    say("on", sentence.dataset.on);
    document.dispatchEvent(new CustomEvent("trueup:rows", { detail: rows }));
  });
  source.addEventListener("away", (message) => say("away", JSON.parse(message.data).message));
  source.addEventListener("error", () => {
    const closed = source.readyState === EventSource.CLOSED;
    say("away", closed ? sentence.dataset.off : sentence.dataset.lost);
  });
  addEventListener("pagehide", () => source.close());
})();
