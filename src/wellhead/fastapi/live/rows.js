/** Draws texts and rows in their place: focus, selection and scrolling stay where they are. */

/**
 * Writes texts into the elements that are marked for them with `data-is`. Never HTML.
 * @param {ParentNode} root
 * @param {Record<string, string>} texts
 */
export function fill(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const element of root.querySelectorAll(`[data-is="${name}"]`)) write(element, text);
  }
}

/** @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Draws one child of `parent` for each item, from the template that its `data-template` names.
 * The order of rows that are pointed at, focused or selected stays as it is.
 * @template T
 * @param {string} id of the parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf unique among the items
 * @param {(row: HTMLElement, item: T) => void} draw is called for new rows and for those that are there
 */
export function drawRows(id, items, keyOf, draw) {
  const parent = find(id);
  const template = /** @type {HTMLTemplateElement} */ (find(String(parent.dataset.template)));
  const there = new Map(rowsOf(parent).map((row) => [String(row.dataset.key), row]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const row = there.get(key) ?? made(template, key);
    there.delete(key);
    draw(row, item);
    return row;
  });
  for (const row of there.values()) row.remove();
  const isSteady = isInUse(parent);
  /** @type {HTMLElement | null} */
  let next = null;
  for (const row of wanted.reverse()) {
    const isInPlace = row.isConnected && (isSteady || row.nextElementSibling === next);
    if (!isInPlace) parent.insertBefore(row, next);
    next = row;
  }
}

/** @param {string} id @returns {HTMLElement} */
export const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {HTMLElement} parent */
const rowsOf = (parent) => /** @type {HTMLElement[]} */ ([...parent.children]);

/** @param {HTMLTemplateElement} template @param {string} key */
function made(template, key) {
  const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  row.dataset.key = key;
  return row;
}

/** @param {HTMLElement} parent */
function isInUse(parent) {
  const selection = document.getSelection();
  const isSelected = selection?.type === "Range" && selection.containsNode(parent, true);
  return isSelected || parent.matches(":hover, :focus-within");
}
