// Draws with DOM calls alone: no text of others ever becomes markup.

export const byId = (id) => document.getElementById(id);

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

/** A table: cells are text, or elements; numbers stand to the right. */
export function fillTable(id, caption, heading, rows) {
  const table = byId(id);
  table.replaceChildren();
  if (rows.length === 0) return;
  table.append(element('caption', caption));
  const head = element('tr');
  for (const { text, isNumber } of heading) {
    const cell = element('th', text, isNumber ? 'number' : '');
    cell.scope = 'col';
    head.append(cell);
  }
  const thead = element('thead');
  thead.append(head);
  const body = element('tbody');
  for (const row of rows) {
    const line = element('tr');
    row.forEach((content, column) => {
      const cell = element('td', undefined, heading[column].isNumber ? 'number' : '');
      cell.append(content);
      line.append(cell);
    });
    body.append(line);
  }
  table.append(thead, body);
}

export const column = (text) => ({ text, isNumber: false });
export const number = (text) => ({ text, isNumber: true });

export function bar(share) {
  const made = element('span', '', 'bar');
  made.style.width = `${(share * 6).toFixed(2)}rem`;
  made.setAttribute('aria-hidden', 'true');
  return made;
}

export function stateText(state) {
  const classes = {
    up: 'good',
    connected: 'good',
    on: 'good',
    down: 'bad',
    lost: 'bad',
    loop: 'bad',
  };
  return element('span', state, classes[state] ?? 'quiet');
}
