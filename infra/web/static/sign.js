"use strict";
// Signing on the person's own workstation: the bytes of the notice go to NCALayer on the loopback, its detached CMS comes
// back into the form. The key never leaves the workstation, and the server verifies what it gets.
// Module kz.gov.pki.knca.basics: github.com/pkigovkz/sdkinfo/wiki/KNCA-Basics-Module
(() => {
  const form = document.getElementById("sign"), button = document.getElementById("sign-here");
  const said = document.getElementById("sign-said");
  if (!form || !button || !("WebSocket" in window)) return;
  button.hidden = false;

  const base64 = (buffer) => {
    let text = "";
    for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };

  const request = (data) => JSON.stringify({
    module: "kz.gov.pki.knca.basics",
    method: "sign",
    args: {
      allowedStorages: null,
      format: "cms",
      data,
      signingParams: { decode: true, encapsulate: false, digested: false, tsaProfile: {} },
      signerParams: { extKeyUsageOids: ["1.3.6.1.5.5.7.3.4"] },
      locale: document.body.dataset.language,
    },
  });

  const sign = (data) => new Promise((resolve, reject) => {
    const socket = new WebSocket("wss://127.0.0.1:13579/");
    let opened = false;
    socket.onerror = () => reject(form.dataset.away);
    socket.onclose = () => reject(opened ? form.dataset.cancelled : form.dataset.away);
    socket.onmessage = (event) => {
      let answer;
      try { answer = JSON.parse(event.data); } catch { return reject(form.dataset.away); }
      if (!opened) {  // the first message names its version
        if (!answer.result || !answer.result.version) return socket.close();
        opened = true;
        said.textContent = form.dataset.waiting;
        return socket.send(request(data));
      }
      const result = answer.status === true && answer.body && answer.body.result;
      const found = Array.isArray(result) ? result[0] : result;
      if (typeof found === "string" && found) resolve(found);
      else reject(answer.message ? `${form.dataset.cancelled} ${answer.message}` : form.dataset.cancelled);
      socket.close();
    };
  });

  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "";
    try {
      const answer = await fetch(form.dataset.bytes, { credentials: "same-origin" });
      if (!answer.ok) throw answer.statusText;
      form.elements.signature.value = await sign(base64(await answer.arrayBuffer()));
      form.submit();
    } catch (reason) {
      said.textContent = String(reason);
      button.disabled = false;
    }
  });
})();
