// Brings a part of the page up to date every few seconds, for as long as something goes on there.
"use strict";
(() => {
  const part = () => document.querySelector("[data-fresh]");
  const goesOn = () => part()?.hasAttribute("data-changing");
  if (!goesOn()) return;

  const INTERVAL_MS = 3000;
  const SLOWEST_MS = 60000;
  let waitMs = INTERVAL_MS;
  let told = "";

  const look = async () => {
    const reply = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!reply.ok) throw new Error(String(reply.status));
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector("[data-fresh]");
    // Not under the reader's hands: whoever is within is left alone until they are out.
    if (!fresh || part().contains(document.activeElement)) return;
    const now = fresh.innerHTML;
    // What stands still is asked for more and more rarely.
    waitMs = now === told ? Math.min(waitMs * 1.3, SLOWEST_MS) : INTERVAL_MS;
    if (now === told) return;
    told = now;
    part().replaceWith(fresh);
    document.dispatchEvent(new CustomEvent("trueup:shown"));
  };

  const go = async () => {
    if (document.visibilityState === "visible") {
      try {
        await look();
      } catch {
        waitMs = Math.min(waitMs * 2, SLOWEST_MS);
      }
    }
    if (goesOn()) setTimeout(go, waitMs);
  };
  setTimeout(go, waitMs);
})();
