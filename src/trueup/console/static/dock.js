// Books a scan without leaving the page: the field stays focused, the result is said where it stands.
"use strict";
(() => {
  const form = document.querySelector("[data-scan]");
  const result = document.querySelector("[data-result]");
  if (!form || !result) return;
  const code = form.elements.code;

  const show = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("[data-scan]");
    if (!fresh) throw new Error("another page");
    result.replaceChildren(...page.querySelector("[data-result]").childNodes);
    form.elements.key.value = fresh.elements.key.value;
    form.elements.code.value = fresh.elements.code.value;
    form.elements.quantity.value = fresh.elements.quantity.value;
    for (const name of ["grade", "note"]) {
      if (form.elements[name]) form.elements[name].value = fresh.elements[name].value;
    }
    for (const part of ["[data-choices]", "[data-serials]", "[data-unread]"]) {
      const old = form.querySelector(part);
      if (old) old.replaceWith(document.adoptNode(page.querySelector(part)));
    }
    const first = form.querySelector("[data-choices] input, [data-asks] textarea");
    (first || code).focus();
    if (!first) code.select();
  };

  const failed = () => {
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.dataset.severity = "error";
    notice.textContent = form.dataset.failed;
    result.replaceChildren(notice);
    code.focus();
  };

  let busy = false;
  document.addEventListener("submit", async (event) => {
    const sent = event.target;
    if (sent !== form && !sent.matches("[data-undo]")) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      const body = new URLSearchParams(new FormData(sent));
      const pressed = event.submitter;
      if (pressed?.name) body.set(pressed.name, pressed.value);
      const reply = await fetch(sent.action, { method: "POST", body, headers: { Accept: "text/html" } });
      if (!reply.ok) throw new Error("refused");
      show(await reply.text());
    } catch {
      failed();
    } finally {
      busy = false;
    }
  });

  // Where serials are asked for, the last one books: a scanner ends each with Enter.
  form.addEventListener("input", (event) => {
    if (event.target.name !== "serials" || !event.target.closest("[data-asks]")) return;
    const text = event.target.value;
    const read = text.split("\n").filter((line) => line.trim()).length;
    if (text.endsWith("\n") && read >= Number(form.elements.quantity.value)) form.requestSubmit();
  });

  // The camera, where the browser itself reads barcodes.
  const button = document.querySelector("[data-camera]");
  const video = document.querySelector("[data-video]");
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  button.hidden = false;
  let stream = null;
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.hidden = true;
    button.textContent = button.dataset.start;
  };
  button.addEventListener("click", async () => {
    if (stream) return stop();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      video.hidden = false;
      button.textContent = button.dataset.stop;
      await video.play();
      const detector = new BarcodeDetector();
      while (stream) {
        const [found] = await detector.detect(video);
        if (found) {
          code.value = found.rawValue;
          stop();
          form.requestSubmit();
        } else await new Promise((done) => setTimeout(done, 150));
      }
    } catch {
      stop();
      code.focus();
    }
  });
})();
