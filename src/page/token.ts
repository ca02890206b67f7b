/** Asks the reader for the token, once however many questions wait for it. */
import { h } from './dom.ts';

let asking: Promise<string> | undefined;

/** @param wasWrong one was given already */
export function askToken(wasWrong: boolean): Promise<string> {
  asking ??= open(wasWrong).finally(() => {
    asking = undefined;
  });
  return asking;
}

function open(wasWrong: boolean): Promise<string> {
  return new Promise((resolve) => {
    const input = h('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true });
    const form = h(
      'form',
      {
        submit: (event) => {
          event.preventDefault();
          const token = input.value.trim();
          if (token === '') return;
          dialog.remove();
          resolve(token);
        },
      },
      h('h2', { id: 'token-title' }, 'A token is needed'),
      wasWrong && h('p', { class: 'note bad', role: 'alert' }, 'That is not the token.'),
      h('label', {}, 'The bearer token of this server', input),
      h('button', { type: 'submit' }, 'Open'),
    );
    const dialog = h('dialog', { 'aria-labelledby': 'token-title' }, form);
    // There is nothing behind it to go back to.
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
}
