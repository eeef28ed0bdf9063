/**
 * What an HTML part says, for a summary: without style sheets, scripts, tags and entities. The parser's work grows with
 * the number of tags times their depth, so that it sees a bounded number of them; never throws.
 */
import { compile } from 'html-to-text';

/** Characters and tags that are looked at: what comes behind them is in no summary. */
const MOST_INPUT = 128 * 1024;
const MOST_TAGS = 2000;
const skipped = (selector: string) => ({ selector, format: 'skip' });
const heading = (selector: string) => ({ selector, options: { uppercase: false } });
/** Without signs before each line: those within each other would make work of lines times their depth. */
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
