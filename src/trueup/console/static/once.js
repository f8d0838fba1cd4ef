// A form that takes a while is sent once, and says what it waits for.
"use strict";
(() => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", (event) => {
      const button = form.querySelector("[data-busy]");
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      if (!button) return;
      form.dataset.words = button.textContent;
      button.textContent = button.dataset.busy;
      button.setAttribute("aria-disabled", "true");
    });
    // Back by the browser's own button: the form can be sent again.
    addEventListener("pageshow", () => {
      const button = form.querySelector("[data-busy]");
      if (form.dataset.words) button.textContent = form.dataset.words;
      button?.removeAttribute("aria-disabled");
      delete form.dataset.sent;
    });
  }
})();
