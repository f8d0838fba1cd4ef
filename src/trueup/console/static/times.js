// Shows instants in the zone that their reader chose, else the browser's; the exact instant stays in the title.
"use strict";
(() => {
  const timeZone = document.documentElement.dataset.zone || undefined;
  // The browser's own way of writing counts where it is one of the page's language.
  const page = document.documentElement.lang;
  const language = navigator.language.startsWith(page) ? undefined : page;
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium", timeZone });
  const date = new Intl.DateTimeFormat(language, { dateStyle: "short", timeZone });

  const short = { second: "s", minute: "min", hour: "h", day: "days" };
  const relative = new Intl.RelativeTimeFormat(page, { numeric: "auto", style: "short" });
  const past = (count, unit) =>
    page === "en" ? `${count} ${short[unit]} ago` : relative.format(-count, unit);

  const ago = (instant) => {
    const age = Math.max(0, Math.round((Date.now() - instant) / 1000));
    if (age < 2) return page === "en" ? "just now" : past(0, "second");
    if (age < 90) return past(age, "second");
    if (age < 5400) return past(Math.round(age / 60), "minute");
    if (age < 129600) return past(Math.round(age / 3600), "hour");
    return past(Math.round(age / 86400), "day");
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
