/**
 * The text of an HTML part, for a summary: without style sheets, scripts, tags and entities. The parser's
 * work grows with the number of tags times their depth, so the number of tags is limited. Never throws.
 */
import { compile } from 'html-to-text';

/** The most characters and tags that are read; what follows is in no summary. */
const MOST_INPUT = 128 * 1024;
const MOST_TAGS = 2000;
const skipped = (selector: string) => ({ selector, format: 'skip' });
const heading = (selector: string) => ({ selector, options: { uppercase: false } });
/** No markers before each line: for nested blocks they would cost the number of lines times their depth. */
const block = (selector: string) => ({
  selector,
  format: 'block',
  options: { leadingLineBreaks: 1, trailingLineBreaks: 1 },
});

const convert = compile({
  wordwrap: false,
  limits: { ellipsis: '…', maxDepth: 100, maxChildNodes: 2000, maxInputLength: MOST_INPUT },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    ...['img', 'head', 'title', 'noscript', 'template', 'svg'].map(skipped),
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map(heading),
    ...['ul', 'ol', 'li', 'dl', 'dt', 'dd', 'blockquote', 'tr'].map(block),
  ],
});

export function textOfHtml(html: string): string {
  try {
    return convert(bounded(html)).replaceAll('\u00a0', ' ');
  } catch {
    return '';
  }
}

function bounded(html: string): string {
  let at = -1;
  for (let tags = 0; tags <= MOST_TAGS; tags++) {
    at = html.indexOf('<', at + 1);
    if (at === -1 || at > MOST_INPUT) return html.slice(0, MOST_INPUT);
  }
  return html.slice(0, at);
}
