// Shows instants in the zone that their reader chose, else the browser's; the exact instant stays in the title.
"use strict";
(() => {
  const timeZone = document.documentElement.dataset.zone || undefined;
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone });
  const date = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeZone });

  const ago = (instant) => {
    const age = Math.max(0, Math.round((Date.now() - instant) / 1000));
    if (age < 2) return "just now";
    if (age < 90) return `${age} s ago`;
    if (age < 5400) return `${Math.round(age / 60)} min ago`;
    if (age < 129600) return `${Math.round(age / 3600)} h ago`;
    return `${Math.round(age / 86400)} days ago`;
  };

  const words = (element) => {
    const instant = new Date(element.dateTime);
    if (Number.isNaN(instant.getTime())) return element.textContent;
    if ("ago" in element.dataset) return ago(instant);
    const today = date.format(instant) === date.format(new Date());
    return today ? clock.format(instant) : `${day.format(instant)}, ${clock.format(instant)}`;
  };

  const show = (root) => {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const text = words(element);
      if (element.textContent !== text) element.textContent = text;
    }
  };

  show(document);
  document.addEventListener("trueup:shown", () => show(document));
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-ago]")) {
      element.textContent = words(element);
    }
  }, 1000);
})();
