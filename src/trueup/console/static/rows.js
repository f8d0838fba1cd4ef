// Announces new rows with a pill; they come in when the reader asks for them, so nothing jumps.
"use strict";
(() => {
  const known = (part) =>
    new Set([...part.querySelectorAll("[data-row]")].map((row) => row.dataset.row));

  document.addEventListener("trueup:rows", (event) => {
    for (const pill of document.querySelectorAll("[data-pill]")) {
      const here = known(pill.closest("[data-part]"));
      const fresh = (event.detail[pill.dataset.pill] || []).filter((key) => !here.has(key)).length;
      pill.hidden = fresh === 0;
      const text = `${fresh} ${pill.dataset.what}`;
      if (pill.textContent !== text) pill.textContent = text;
    }
  });

  document.addEventListener("click", async (event) => {
    const pill = event.target.closest("[data-pill]");
    if (!pill) return;
    pill.disabled = true;
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!reply.ok || new URL(reply.url).pathname !== location.pathname) throw new Error("away");
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const name = pill.dataset.pill;
      const find = (root) => root.querySelector(`[data-part="${name}"]`);
      const fresh = find(page).querySelector("[data-rows]");
      const old = find(document).querySelector("[data-rows]");
      if (fresh && old) old.replaceWith(document.adoptNode(fresh));
      else location.reload();
      pill.hidden = true;
      find(document).querySelector("[data-row] a")?.focus({ preventScroll: true });
      document.dispatchEvent(new CustomEvent("trueup:shown"));
    } catch {
      pill.textContent = pill.dataset.failed;
    } finally {
      pill.disabled = false;
    }
  });
})();
