/* UnionPay's way back to the merchant is a form that the browser posts by itself. */
const form = document.querySelector("form[data-auto]");
if (form) setTimeout(() => form.submit(), Number(form.dataset.auto));
