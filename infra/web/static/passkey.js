"use strict";
// Passkeys (W3C Web Authentication): asks the server for a challenge and the device for an answer, which goes back in the
// form. A form with data-passkey="get" shows a passkey, with "create" it registers one.
(() => {
  const told = (form, text) => { form.querySelector("[data-said]").textContent = text; };
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      const answer = form.elements[form.dataset.answer];
      if (answer.value) return;
      event.preventDefault();
      told(form, "");
      try {
        const create = form.dataset.passkey === "create";
        const fields = create ? new URLSearchParams(new FormData(form)) : null;
        const headers = form.elements.csrf ? { "X-CSRF-Token": form.elements.csrf.value } : {};
        const asked = await fetch(form.dataset.options, { method: "POST", credentials: "same-origin", headers, body: fields });
        if (!asked.ok) throw (asked.headers.get("content-type") || "").startsWith("text/plain") ? await asked.text() : form.dataset.failed;
        const options = await asked.json();
        const made = create
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        answer.value = JSON.stringify(made.toJSON());
        form.submit();
      } catch (reason) {
        told(form, typeof reason === "string" ? reason : form.dataset.failed);
      }
    });
  }
})();
