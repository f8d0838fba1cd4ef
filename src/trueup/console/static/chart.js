// Says the value under the pointer, out of the table that stands below the picture.
"use strict";
(() => {
  const nearest = (points, x) => {
    let best = null;
    let least = Infinity;
    for (const point of points) {
      const box = point.getBoundingClientRect();
      if (box.width === 0) continue; // of the picture for the other width
      const distance = Math.abs(box.left + box.width / 2 - x);
      if (distance <= least) {
        least = distance;
        best = { point, box };
      }
    }
    return best;
  };

  for (const chart of document.querySelectorAll("[data-chart]")) {
    const picture = chart.querySelector("[data-chart-picture]");
    const value = chart.querySelector("[data-chart-value]");
    const mark = chart.querySelector("[data-chart-mark]");
    const still = value.textContent;
    const points = [...picture.querySelectorAll('[aria-roledescription="point"]')];
    const rows = new Map([...chart.querySelectorAll("tr[data-event]")].map((r) => [r.dataset.event, r]));

    picture.addEventListener("pointermove", (event) => {
      const found = nearest(points, event.clientX);
      const row = found && rows.get(found.point.getAttribute("aria-label"));
      if (!row) return;
      const frame = picture.getBoundingClientRect();
      mark.hidden = false;
      mark.style.left = `${found.box.left + found.box.width / 2 - frame.left}px`;
      mark.style.top = `${found.box.top + found.box.height / 2 - frame.top}px`;
      value.textContent = `${row.cells[1].textContent.trim()} · ${row.cells[0].textContent.trim()}`;
    });
    picture.addEventListener("pointerleave", () => {
      mark.hidden = true;
      value.textContent = still;
    });
  }
})();
