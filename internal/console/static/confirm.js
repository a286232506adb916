// A question that must be answered before something is done.

import { h, note } from "./dom.js";
import { t } from "./text.js";

// confirm resolves to whether it was meant.
export function confirm({ title, text, yes }) {
  return new Promise((done) => {
    const dialog = h("dialog", { class: "card", "aria-labelledby": "question" },
      h("form", { method: "dialog" }, h("h2", { id: "question", text: title }), text ? note(text) : null,
        h("p", { class: "tools" }, h("button", { class: "plain strong", value: "yes", text: yes }), h("button", { class: "plain", value: "no", autofocus: true, text: t("no.thanks") }))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
