// Ctrl or Cmd with K, or the question mark, opens the pages and the keys; letters narrow them down.
"use strict";
(() => {
  const palette = document.getElementById("palette");
  const text = document.getElementById("palette-text");
  if (!palette || !text) return;
  const pages = [...palette.querySelectorAll("li")];
  const shown = () => pages.filter((page) => !page.hidden).map((page) => page.querySelector("a"));

  const narrow = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const page of pages) {
      const name = page.textContent.toLowerCase();
      page.hidden = !words.every((word) => name.includes(word));
    }
    palette.querySelector("[data-none]").hidden = shown().length > 0;
  };

  const open = () => {
    text.value = "";
    narrow();
    palette.showModal();
    text.focus();
  };

  const step = (by) => {
    const stops = [text, ...shown()];
    const at = stops.indexOf(document.activeElement);
    stops[(at + by + stops.length) % stops.length].focus();
  };

  for (const button of document.querySelectorAll("[data-palette]")) {
    button.hidden = false;
    button.addEventListener("click", open);
  }

  document.addEventListener("keydown", (press) => {
    const busy = press.target.closest("input, textarea, select, [contenteditable]");
    const called = press.key.toLowerCase() === "k" && (press.ctrlKey || press.metaKey);
    if (palette.open || !(called || (press.key === "?" && !busy))) return;
    press.preventDefault();
    open();
  });

  const follow = () => {
    const [first] = shown();
    const wanted = text.value.trim();
    if (first) window.location.assign(first.href);
    else if (wanted) window.location.assign(`/find?q=${encodeURIComponent(wanted)}`);
  };

  palette.addEventListener("keydown", (press) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[press.key];
    const entered = press.key === "Enter" && press.target === text;
    if (by === undefined && !entered) return;
    press.preventDefault();
    if (entered) follow();
    else step(by);
  });

  palette.querySelector("[data-close]").addEventListener("click", () => palette.close());
  text.addEventListener("input", narrow);
})();
